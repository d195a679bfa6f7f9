import json
import re

import pytest
import torch
from test_models_chat import SPELLINGS
from torch.nn import functional as F

from spamft.batches import make_bucketed_loader
from spamft.evaluate import IGNORED
from spamft.gpt import GPT, GPTConfig
from spamft.methods.instruct import (
    InstructionBatch,
    InstructionDataset,
    answer_likelihoods,
    load_pairs,
    parse_answer,
    read_answers,
    respond,
)
from spamft.models.prompts import encode_prompt
from spamft.models.vocabulary import Vocabulary
from spamft.sources import open_messages
from spamft.train import TrainConfig, fit

NAMES = ("ham", "probably spam")  # of different lengths


@pytest.fixture
def gpt() -> GPT:
    return GPT(GPTConfig(257, 128, 16, 2, 2)).eval()


@pytest.fixture
def dataset(tokenizer):
    prompts = [encode_prompt(tokenizer, text, "?") for text in ("a", "WIN", "see you")]
    return InstructionDataset(prompts, ["ham", "probably spam", "ham"], tokenizer)


def test_only_the_response_and_its_end_are_learned(dataset, tokenizer):
    ids, labels = dataset[1]
    asked = [label for label in labels if label != IGNORED]
    assert tokenizer.decode(asked[:-1]) == " probably spam"
    assert asked[-1] == tokenizer.eot_token
    assert tokenizer.decode(ids).endswith("Message: WIN\nAnswer: probably spam")
    for place, label in enumerate(labels[:-1]):
        assert label in (IGNORED, ids[place + 1])


def test_the_loss_of_a_batch_is_that_of_its_responses_by_hand(dataset, gpt):
    batch = next(iter(make_bucketed_loader(dataset, 999)))
    assert isinstance(batch, InstructionBatch) and batch.ids.shape == batch.labels.shape
    terms = []
    for ids, labels in (dataset[i] for i in range(3)):
        logs = gpt(torch.tensor([ids]))[0].log_softmax(-1)
        terms += [-logs[t, y] for t, y in enumerate(labels) if y != IGNORED]
    history = fit(gpt, [batch], [batch], TrainConfig(epochs=1, lr=1e-9))
    expected = torch.stack(terms).mean().item()
    assert history[0].train_loss == pytest.approx(expected, abs=1e-5)
    assert history[0].validation_loss == pytest.approx(expected, abs=1e-5)


def test_small_batches_accumulate_to_the_gradient_of_the_big_one(dataset, gpt):
    import copy

    other = copy.deepcopy(gpt)
    big, small = (
        make_bucketed_loader(dataset, 999),
        make_bucketed_loader(dataset, 1),
    )
    fit(gpt, big, big, TrainConfig(epochs=1, lr=0.01))
    fit(other, small, big, TrainConfig(epochs=1, lr=0.01, accumulate=3))
    for one, two in zip(gpt.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "text, place",
    [
        (" ham", 0),
        ("HAM.", 0),
        (" probably spam, I think", 1),
        (" hamster", None),
        ("", None),
        (" spam", None),
    ],
)
def test_an_answer_counts_if_it_begins_with_a_name(text, place):
    assert parse_answer(text, NAMES) == place


def test_the_longer_of_two_names_that_fit_is_meant():
    assert parse_answer("spam likely", ("spam", "spam likely")) == 1


@pytest.mark.parametrize("per_token", [False, True])
def test_likelihoods_are_those_of_the_tokens_one_by_one(gpt, tokenizer, per_token):
    prompts = [encode_prompt(tokenizer, text, "?") for text in ("a", "hello there")]
    logs = answer_likelihoods(gpt, tokenizer, prompts, NAMES, per_token=per_token)
    for i, prompt in enumerate(prompts):
        for k, name in enumerate(NAMES):
            ids, total = list(prompt), 0.0
            answer = tokenizer.encode_ordinary(" " + name)
            for token in answer:
                logs_of = F.log_softmax(gpt(torch.tensor([ids]))[0, -1], -1)
                total += logs_of[token].item()
                ids.append(token)
            total /= len(answer) if per_token else 1
            assert logs[i, k].item() == pytest.approx(total, abs=1e-3)


def test_the_likelihood_of_one_answer_does_not_depend_on_the_neighbours(gpt, tokenizer):
    prompts = [encode_prompt(tokenizer, "x" * n, "?") for n in (1, 40, 7)]
    together = answer_likelihoods(gpt, tokenizer, prompts, NAMES)
    alone = [answer_likelihoods(gpt, tokenizer, [p], NAMES) for p in prompts]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_a_gpt_learns_to_answer_in_words_and_all_readings_agree(gpt, tokenizer):
    texts = ["WIN A CAR", "see you", "CASH NOW", "lunch at 1"]
    prompts = [encode_prompt(tokenizer, text, "?") for text in texts]
    answers = [NAMES[1], NAMES[0], NAMES[1], NAMES[0]]
    loader = make_bucketed_loader(InstructionDataset(prompts, answers, tokenizer), 999)
    fit(gpt, loader, loader, TrainConfig(epochs=60, lr=0.01))
    assert respond(gpt, tokenizer, prompts, 16) == [f" {answer}" for answer in answers]
    for reading in ("generated", "likelihood", "per_token"):
        assert read_answers(gpt, tokenizer, prompts, NAMES, reading) == [1, 0, 1, 0]
    with pytest.raises(ValueError, match="'guess'"):
        read_answers(gpt, tokenizer, prompts, NAMES, "guess")


def test_in_a_dialogue_the_end_of_the_turn_is_learned_and_ends_the_answer():
    special = {"<|endoftext|>": 256, "<|im_start|>": 257, "<|im_end|>": 258}
    ranks = {bytes([b]): b for b in range(256)}
    chat = Vocabulary(ranks, special, "gpt2", SPELLINGS["short"]).encoding("it")
    prompts = [encode_prompt(chat, text, "?") for text in ("WIN A CAR", "see you")]
    answers = [NAMES[1], NAMES[0]]
    dataset = InstructionDataset(prompts, answers, chat)
    asked = [label for label in dataset[0][1] if label != IGNORED]
    assert (chat.decode(asked[:-1]), asked[-1]) == (NAMES[1], 258)
    gpt, loader = GPT(GPTConfig(259, 128, 16, 2, 2)), make_bucketed_loader(dataset)
    fit(gpt, loader, loader, TrainConfig(epochs=80, lr=0.01))
    assert respond(gpt, chat, prompts, 16) == answers
    assert read_answers(gpt, chat, prompts, NAMES, "likelihood") == [1, 0]


def test_nothing_to_learn_is_an_error(tokenizer):
    with pytest.raises(ValueError, match="no instructions"):
        InstructionDataset([], [], tokenizer)


@pytest.fixture(scope="module")
def pairs():
    return load_pairs()


def test_there_are_enough_open_instructions_of_every_kind(pairs):
    assert len(pairs) >= 200 and pairs["input"].is_unique
    counts = pairs["kind"].value_counts()
    assert set(counts.index) == {"classify", "explain", "extract", "rewrite", "count"}
    assert counts.min() >= 40
    assert pairs.groupby("kind")["instruction"].nunique().min() >= 10


def test_answers_that_can_be_checked_are_right(pairs):
    for row in pairs.itertuples():
        if row.kind == "count":
            assert row.output == str(len(row.input.split()))
        elif row.kind == "extract":
            assert row.output == "none" or row.output in row.input
        elif row.kind == "classify":
            assert row.output in ("ham", "spam")
        elif row.kind == "explain":
            assert re.match(r"(ham|spam): \w", row.output)


def test_they_share_no_run_of_words_with_each_other_or_the_sample(pairs):
    seen = set()
    for text in [*open_messages("sample").df["Text"], *pairs["input"]]:
        words = re.findall(r"\w+", text.casefold())
        runs = {tuple(words[i : i + 6]) for i in range(len(words) - 5)}
        if text in set(pairs["input"]):
            assert not runs & seen, text
        seen |= runs


def test_their_addresses_lead_nowhere(pairs):
    text = json.dumps(pairs["input"].tolist())
    for address in re.findall(r"[\w-]+\.(?:com|org|net|co|uk|in|ng|ly|info)\b", text):
        assert address in ("example.com", "example.org")
