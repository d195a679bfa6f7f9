import pandas as pd
import pytest
from solving import try_out

from spamft.data import Splits, random_split

TRIALS = {
    "2.1": ("three_sizes", "three_sizes = [1, 2, 3]"),
    "2.2": ("share_kept", "share_kept = 0.5"),
    "2.3": ("unshuffled", "unshuffled = unshuffled[::-1]"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    texts = [f"message {number}" for number in range(100)]
    encoded = pd.DataFrame({"Label": [0] * 50 + [1] * 50, "Text": texts})
    at_hand = {
        "encoded": encoded,
        "splits": random_split(encoded, 0.7, 0.1, seed=123),
        "train_end": 70,
        "validation_end": 80,
        "Splits": Splits,
        "random_split": random_split,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)
