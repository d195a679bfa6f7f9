import pytest
import torch
from solving import try_out

from spamft.evaluate import IGNORED

TRIALS = {
    "11.1": ("tokens_counted", "tokens_counted = 3"),
    "11.2": ("three_results", "three_results = [0, 0, 0]"),
    "11.3": ("logs_of", "logs_of = lambda n, V: (1.0, 2.0)"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tokenizer, tmp_path):
    asked = len(tokenizer.encode_ordinary(" spam")) + 1
    at_hand = {
        "torch": torch,
        "tokenizer": tokenizer,
        "names": ("ham", "spam"),
        "ids": [0] * (10 + asked),
        "labels": [IGNORED] * 10 + [0] * asked,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)
