import random

import pytest
import torch

from spamft.batches import TokenDataset, encode_texts, make_loader
from spamft.classifier import GPTClassifier
from spamft.gpt import GPT, GPTConfig
from spamft.insight.explain import (
    by_block,
    count_flips,
    integrated_gradients,
    leave_one_out,
)
from spamft.train import TrainConfig, fit
from spamft.use.predict import classify
from spamft.use.verdict import DecisionRule, Threshold

TEXT = "abXde"
LETTERS = "abcdefghij"
SWAP = str.maketrans({"a": "X", "X": "b"})
EXPLAIN = [leave_one_out, integrated_gradients]


@pytest.fixture(scope="module")
def model(tokenizer) -> GPTClassifier:
    """Predicts spam for a message with an X in it."""
    draw = random.Random(0)
    texts = []
    for length in range(3, 10):  # in both classes alike: else it would count letters
        for _ in range(40):
            text = "".join(draw.choices(LETTERS, k=length))
            place = draw.randrange(length)
            texts += [text, text[:place] + "X" + text[place + 1 :]]
    ids = encode_texts(texts, tokenizer)
    labels = [int("X" in text) for text in texts]
    dataset = TokenDataset(ids, labels, tokenizer.eot_token)
    loader = make_loader(dataset, batch_size=len(texts))
    model = GPTClassifier(GPT(GPTConfig(257, 64, 32, 2, 4)))
    fit(model, loader, loader, TrainConfig(epochs=60, lr=0.01))
    return model.eval()


@pytest.fixture
def three_classes(tiny_gpt) -> GPTClassifier:
    return GPTClassifier(tiny_gpt, label_names=("billing", "bug", "sales")).eval()


def logits_of(model, tokenizer, text) -> list[float]:
    [ids] = encode_texts([text], tokenizer)
    with torch.no_grad():
        return model(torch.tensor([ids]))[0].tolist()


def spam_logit(model, tokenizer, text) -> float:
    ham, spam = logits_of(model, tokenizer, text)
    return spam - ham


@pytest.mark.parametrize("explain", EXPLAIN)
def test_the_token_that_decides_contributes_most(model, tokenizer, explain):
    draw, found = random.Random(5), 0
    for _ in range(20):
        text = "".join(draw.choices(LETTERS, k=7))
        place = draw.randrange(7)
        text = text[:place] + "X" + text[place + 1 :]
        each = explain(model, tokenizer, text, "spam")
        whole = spam_logit(model, tokenizer, "".join(each.tokens))
        assert each.score == pytest.approx(whole, abs=1e-3)
        found += each.contributions.index(max(each.contributions)) == place
    assert found >= 16


def test_leaving_one_out_is_the_difference_of_two_scores(model, tokenizer):
    found = leave_one_out(model, tokenizer, "abX", "spam")
    for t in range(3):
        rest = "abX"[:t] + "abX"[t + 1 :]
        difference = found.score - spam_logit(model, tokenizer, rest)
        assert found.contributions[t] == pytest.approx(difference, abs=1e-4)


def test_integrated_gradients_add_up_to_score_minus_baseline(tiny_gpt, tokenizer):
    smooth = GPTClassifier(tiny_gpt)  # what learned a rule by heart has sudden steps
    errors = []
    for steps in (2, 16, 256):
        found = integrated_gradients(smooth, tokenizer, "WIN A CAR now", steps=steps)
        errors.append(abs(sum(found.contributions) - (found.score - found.baseline)))
    assert errors[2] < 1e-3 < abs(found.score - found.baseline)
    assert errors[2] <= errors[1] <= errors[0]


@pytest.mark.parametrize("explain", EXPLAIN)
@pytest.mark.parametrize("text", ["abcde", "abXde"])
def test_without_a_label_the_predicted_class_is_explained(
    model, tokenizer, explain, text
):
    label = classify(model, tokenizer, text).label
    found = explain(model, tokenizer, text)
    assert found.label == label == ("spam" if "X" in text else "ham")
    assert found == explain(model, tokenizer, text, label)
    assert by_block(model, tokenizer, text) == by_block(model, tokenizer, text, label)


@pytest.mark.parametrize("explain", EXPLAIN)
def test_a_score_is_a_logit_minus_the_mean_of_the_others(
    three_classes, tokenizer, explain
):
    logits = logits_of(three_classes, tokenizer, TEXT)
    for k, label in enumerate(three_classes.label_names):
        others = [logit for j, logit in enumerate(logits) if j != k]
        found = explain(three_classes, tokenizer, TEXT, label)
        assert found.label == label and len(found.contributions) == len(TEXT)
        assert found.score == pytest.approx(logits[k] - sum(others) / 2, abs=1e-4)


@pytest.mark.parametrize("explain", EXPLAIN)
def test_the_predicted_one_of_three_classes_is_explained(
    three_classes, tokenizer, explain
):
    logits = logits_of(three_classes, tokenizer, TEXT)
    found = explain(three_classes, tokenizer, TEXT)
    assert found.label == three_classes.label_names[logits.index(max(logits))]
    assert by_block(three_classes, tokenizer, TEXT)[-1] == pytest.approx(found.score)


def test_explaining_leaves_no_gradient_and_the_mode(model, tokenizer):
    for parameter in model.parameters():
        parameter.grad = None
    model.train()
    integrated_gradients(model, tokenizer, TEXT)
    assert model.training and all(p.grad is None for p in model.parameters())
    model.eval()


def test_the_score_after_the_last_block_is_the_models_own(model, tokenizer):
    scores = by_block(model, tokenizer, TEXT, "spam")
    assert len(scores) == 3
    assert scores[-1] == pytest.approx(spam_logit(model, tokenizer, TEXT), abs=1e-4)


def test_an_edit_that_changes_nothing_flips_nothing(model, tokenizer):
    texts = ["abcde", "Xbcda", "abcX"]
    same = count_flips(model, tokenizer, texts, lambda text: text)
    assert (same.messages, same.changed, same.mean_shift) == (3, 0, 0.0)
    gone = count_flips(model, tokenizer, texts, lambda t: t.replace("X", ""), "spam")
    labels = [v.label for v in classify(model, tokenizer, texts)]
    assert gone.changed == labels.count("spam") == 2 and gone.mean_shift < 0


def test_without_a_label_the_shift_is_that_of_each_predicted_label(model, tokenizer):
    texts = ["abcde", "Xbcde"]
    swapped = count_flips(model, tokenizer, texts, lambda t: t.translate(SWAP))
    before = [max(v.probabilities.values()) for v in classify(model, tokenizer, texts)]
    after = classify(model, tokenizer, [t.translate(SWAP) for t in texts])
    rest = [after[0].probabilities["ham"], after[1].probabilities["spam"]]
    assert swapped.changed == 2
    assert swapped.mean_shift == pytest.approx((sum(rest) - sum(before)) / 2)


def test_a_rule_makes_the_predictions_that_flip_and_the_shift(model, tokenizer):
    texts, rule = ["abcde", "Xbcde"], DecisionRule(5.0, threshold=Threshold("spam", 1))
    drop = [classify(model, tokenizer, text, rule) for text in ("Xbcde", "bcde")]
    found = count_flips(
        *(model, tokenizer, texts, lambda t: t.replace("X", ""), "spam"), rule=rule
    )
    assert found.changed == 1 and drop[0].unsure and drop[1].label == "ham"
    spam = [verdict.probabilities["spam"] for verdict in drop]
    assert found.mean_shift == pytest.approx((spam[1] - spam[0]) / 2)


def test_what_cannot_be_explained_is_refused(model, tokenizer, tiny_gpt):
    with pytest.raises(ValueError, match="one of ham, spam"):
        leave_one_out(model, tokenizer, TEXT, "eggs")
    with pytest.raises(ValueError, match="steps=0"):
        integrated_gradients(model, tokenizer, TEXT, steps=0)
    with pytest.raises(ValueError, match="not 'mean'"):
        by_block(GPTClassifier(tiny_gpt, pooling="mean"), tokenizer, TEXT)
    with pytest.raises(ValueError, match="no text"):
        count_flips(model, tokenizer, [], str.upper)
    with pytest.raises(ValueError, match="one of ham, spam"):
        count_flips(model, tokenizer, [TEXT], str.upper, "eggs")
