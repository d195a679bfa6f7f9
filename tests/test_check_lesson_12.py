import numpy as np
import pandas as pd
import pytest
from solving import try_out

from spamft.experiments.table import interval, paired_test

TRIALS = {
    "12.1": ("p_value", "p_value = 0.9"),
    "12.2": ("choice", "choice = 'zero-shot'"),
    "12.3": ("ratio", "ratio = 7.0"),
}
FRAME = pd.DataFrame(
    {
        "method": ["majority class", "zero-shot", "head only", "last block"],
        "accuracy": [0.5, 0.5, 0.81, 0.83],
        "interval_low": [0.4, 0.4, 0.78, 0.8],
        "seconds": [0.1, 5, 20, 60],
    }
)


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    at_hand = {
        "np": np,
        "frame": FRAME,
        "interval": interval,
        "paired_test": paired_test,
        "correct": np.random.default_rng(0).integers(2, size=(1, 200)),
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)
