import pytest
import torch
from solving import try_out

from spamft.methods.nf4 import dequantize, quantize

TRIALS = {
    "10.1": ("level_of_the_largest", "level_of_the_largest = 0.3"),
    "10.2": ("gigabytes", "gigabytes = 9"),
    "10.3": ("lost", "lost = 0.3"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    at_hand = {
        "torch": torch,
        "quantize": quantize,
        "dequantize": dequantize,
        "block": torch.randn(64) * 0.02,
    }
    solved = dict(at_hand)
    if name == "10.3":  # the block of one huge number stands in the notebook's blank
        solved["outlier"] = torch.full((64,), 0.02).index_fill(0, torch.tensor(0), 5.0)
    try_out(name, TRIALS[name], solved, tmp_path)
