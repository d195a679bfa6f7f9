import pytest
import torch
from drawn import assert_legible, words_of

from spamft.classifier import GPTClassifier
from spamft.diagrams import instruction_row, message_life, padding
from spamft.diagrams.examples import small_gpt
from spamft.evaluate import IGNORED
from spamft.methods.instruct import InstructionDataset

WIDE = "WWWWWWWW MMMM @@@@ 漢字漢字漢字漢字 \x00\n ￾ " * 3


def test_the_life_of_a_message_ends_with_the_models_own_numbers(any_gpt, tokenizer):
    model = GPTClassifier(any_gpt, ("no", "yes", "perhaps")).eval()
    words = words_of(message_life("see you", model, tokenizer))
    ids = torch.tensor([tokenizer.encode_ordinary("see you")])
    logits = model(ids)[0]
    table = words[words.index("no") :][:9]
    assert table[3:6] == [f"{z:.2f}" for z in logits.tolist()]
    assert table[6:] == [f"{p:.0%}" for p in logits.softmax(-1).tolist()]


def test_it_says_that_a_new_head_knows_nothing(any_gpt, tokenizer):
    chance = "This head is not trained yet: its answer is chance."
    assert chance in words_of(message_life())
    model = GPTClassifier(any_gpt).eval()
    assert chance not in words_of(message_life("hi", model, tokenizer))


@pytest.mark.parametrize("text", ["", "x", "see you at six", WIDE])
def test_the_life_of_any_message_is_legible(any_gpt, tokenizer, text):
    names = ["W" * 40, "漢" * 40, "", "a", "b", "c"]
    model = GPTClassifier(any_gpt, names).eval()
    assert_legible(message_life(text, model, tokenizer))


def test_masks_are_one_for_tokens_and_zero_for_padding():
    words = words_of(padding())
    assert words.count("pad") == words.count("0") == 3
    assert words.count("1") == 5 + 8


@pytest.mark.parametrize("texts", [[""], ["a", WIDE], ["see", "y", "you"], [WIDE] * 4])
def test_any_batch_is_legible(tokenizer, texts):
    assert_legible(padding(texts, tokenizer))


def test_the_loss_counts_the_answer_alone(tokenizer):
    prompt = tokenizer.encode_ordinary("Is it? ")
    row = InstructionDataset([prompt], ["no"], tokenizer)[0]
    words = words_of(instruction_row(row, tokenizer))
    assert f"4 of 10 labels count in the loss; {IGNORED} is skipped." in words
    assert words.count(str(IGNORED)) == len(prompt) - 1


@pytest.mark.parametrize("prompt", ["?", WIDE * 5])
def test_any_instruction_is_legible(tokenizer, prompt):
    row = InstructionDataset(
        [tokenizer.encode_ordinary(prompt)], ["W" * 30], tokenizer
    )[0]
    assert_legible(instruction_row(row, tokenizer))
    assert_legible(instruction_row())


def test_tokens_that_are_long_are_cut_to_their_cell():
    tokenizer = small_gpt().tokenizer
    assert_legible(padding(["yesterday something beautiful"], tokenizer))
