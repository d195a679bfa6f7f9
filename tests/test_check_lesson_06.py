import math

import pytest
import torch
from solving import try_out

from spamft.check import check

TRIALS = {
    "6.1": ("coin_of_five", "coin_of_five = 3.3"),
    "6.2": ("(unsure, confident)", "confident = torch.tensor([[0.0, 1.0]])"),
    "6.3": ("(never_accuracy, never_recall)", "never_accuracy = 0.2"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    try_out(name, TRIALS[name], {"math": math, "torch": torch}, tmp_path)


@pytest.mark.parametrize(
    ("answer", "named"), [(0.2, "probability"), (math.log2(5), "bits")]
)
def test_other_usual_answers_are_named(answer, named, tmp_path):
    found = check("6.1", answer, folder=tmp_path)
    assert found.outcome == "misconception" and named in found.text
