import math

import pytest
from solving import try_out

from spamft.batches import SpamDataset
from spamft.tokenizer import load_tokenizer

TRIALS = {
    "3.1": ("batches_of_32", "batches_of_32 = 7"),
    "3.2": ("more", "more = 77"),
    "3.3": ("fill", "fill = lambda batch: 0.1"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, messages, tmp_path):
    tokenizer = load_tokenizer("tiny")
    at_hand = {
        "math": math,
        "dataset": SpamDataset(messages.assign(Label=0), tokenizer),
        "tokenizer": tokenizer,
        "pad_id": tokenizer.eot_token,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)


def test_counting_ids_instead_of_lengths_is_named(tmp_path):
    from spamft.check import check

    def fill(batch):
        return (batch.ids != 9).float().mean().item()

    answer = check("3.3", fill, pad_id=9, folder=tmp_path)
    assert answer.outcome == "misconception" and "lengths" in answer.text
