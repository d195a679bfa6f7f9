import math

import pytest
import torch
from solving import try_out

from spamft.classifier import GPTClassifier

TRIALS = {
    "5.1": ("probability", "probability = 0.2"),
    "5.2": ("head_of_twelve", "head_of_twelve = 5"),
    "5.3": ("differences", "differences = 7.0, 8.0"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tiny_gpt, tmp_path):
    at_hand = {
        "math": math,
        "torch": torch,
        "GPTClassifier": GPTClassifier,
        "gpt": tiny_gpt,
        "C": tiny_gpt.config.emb_dim,
        "device": "cpu",
        "SEED": 123,
        "one": torch.tensor([[1, 2, 3]]),
        "two": torch.tensor([[1, 7, 9]]),
    }
    try_out(name, TRIALS[name], at_hand, tmp_path, seed="SEED")
