import pytest
import torch
from solving import try_out

from spamft.classifier import GPTClassifier, set_trainable
from spamft.gpt import GPT, GPTConfig

TRIALS = {
    "0.1": ("head_of_five", "head_of_five = 5"),
    "0.2": ("rank_without_gain", "rank_without_gain = 16"),
    "0.3": ("share_of_last_block", "share_of_last_block = 0.5"),
}
AT_HAND = {
    "torch": torch,
    "GPT": GPT,
    "GPTConfig": GPTConfig,
    "GPTClassifier": GPTClassifier,
    "set_trainable": set_trainable,
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    try_out(name, TRIALS[name], AT_HAND, tmp_path)
