import random

import pytest
import torch

from spamft.batches import Batch, collate, encode_texts
from spamft.classifier import GPTClassifier, classify
from spamft.insight.explain import (
    Explanation,
    by_block,
    integrated_gradients,
    leave_one_out,
    probe,
)
from spamft.train import TrainConfig, fit

TEXT = "abXde"
LETTERS = "abcdefghij"


@pytest.fixture(scope="module")
def model(tokenizer) -> GPTClassifier:
    """Calls a message spam if an X is in it."""
    from spamft.gpt import GPT, GPTConfig

    draw = random.Random(0)
    texts = []
    for length in range(3, 10):  # in both classes alike: else it would count letters
        for _ in range(40):
            text = "".join(draw.choices(LETTERS, k=length))
            place = draw.randrange(length)
            texts += [text, text[:place] + "X" + text[place + 1 :]]
    ids = encode_texts(texts, tokenizer)
    rows = [(row, int("X" in text)) for row, text in zip(ids, texts, strict=True)]
    batch: Batch = collate(rows, tokenizer.eot_token)
    model = GPTClassifier(GPT(GPTConfig(257, 64, 32, 2, 4)))
    fit(model, [batch], [batch], TrainConfig(epochs=150, lr=0.01))
    return model.eval()


def spam_logit(model, tokenizer, text):
    [ids] = encode_texts([text], tokenizer)
    logits = model(torch.tensor([ids]))[0]
    return (logits[1] - logits[0]).item()


@pytest.mark.parametrize("explain", [leave_one_out, integrated_gradients])
def test_the_token_that_decides_gets_the_most(model, tokenizer, explain):
    draw, found = random.Random(5), 0
    for _ in range(20):
        text = "".join(draw.choices(LETTERS, k=7))
        place = draw.randrange(7)
        each = explain(model, tokenizer, text[:place] + "X" + text[place + 1 :])
        whole = spam_logit(model, tokenizer, "".join(each.tokens))
        assert each.score == pytest.approx(whole, abs=1e-3)
        found += each.worth.index(max(each.worth)) == place
    assert found >= 16


def test_leaving_out_is_the_difference_of_two_answers(model, tokenizer):
    found = leave_one_out(model, tokenizer, "abX")
    for t in range(3):
        rest = "abX"[:t] + "abX"[t + 1 :]
        difference = found.score - spam_logit(model, tokenizer, rest)
        assert found.worth[t] == pytest.approx(difference, abs=1e-4)


def test_integrated_gradients_add_up_to_the_difference_of_the_ends(tiny_gpt, tokenizer):
    smooth = GPTClassifier(tiny_gpt)  # what learned a rule by heart has sudden steps
    errors = []
    for steps in (2, 16, 256):
        found = integrated_gradients(smooth, tokenizer, "WIN A CAR now", steps=steps)
        errors.append(abs(sum(found.worth) - (found.score - found.base)))
    assert errors[2] < 1e-3 < abs(found.score - found.base)
    assert errors[2] <= errors[1] <= errors[0]


def test_explaining_leaves_no_gradient_and_the_mode(model, tokenizer):
    for parameter in model.parameters():
        parameter.grad = None
    model.train()
    integrated_gradients(model, tokenizer, TEXT)
    assert model.training and all(p.grad is None for p in model.parameters())
    model.eval()


def test_after_the_last_block_stands_the_models_own_score(model, tokenizer):
    scores = by_block(model, tokenizer, TEXT)
    assert len(scores) == 3
    assert scores[-1] == pytest.approx(spam_logit(model, tokenizer, TEXT), abs=1e-4)


def test_an_edit_that_changes_nothing_flips_nothing(model, tokenizer):
    texts = ["abcde", "Xbcda", "abcX"]
    same = probe(model, tokenizer, texts, lambda text: text)
    assert (same.messages, same.changed, same.mean_shift) == (3, 0, 0.0)
    gone = probe(model, tokenizer, texts, lambda text: text.replace("X", ""))
    labels = [v.label for v in classify(model, tokenizer, texts)]
    assert gone.changed == labels.count("spam") == 2 and gone.mean_shift < 0


def test_it_shows_as_text_and_as_coloured_html():
    found = Explanation(("a", "<", " X"), (-0.5, 0.0, 2.0), "spam", 1.5, 0.0)
    assert str(found) == "spam +1.50: a- < X++++"
    page = found._repr_html_()
    assert "&lt;" in page and "rgba(232,135,30,1.00)" in page
    assert "rgba(59,111,212,0.25)" in page


def test_what_cannot_be_explained_is_refused(model, tokenizer, tiny_gpt):
    with pytest.raises(ValueError, match="one of ham, spam"):
        leave_one_out(model, tokenizer, TEXT, "eggs")
    with pytest.raises(ValueError, match="steps=0"):
        integrated_gradients(model, tokenizer, TEXT, steps=0)
    with pytest.raises(ValueError, match="not 'mean'"):
        by_block(GPTClassifier(tiny_gpt, pooling="mean"), tokenizer, TEXT)
    with pytest.raises(ValueError, match="no text"):
        probe(model, tokenizer, [], str.upper)
