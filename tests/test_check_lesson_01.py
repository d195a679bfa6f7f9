import io

import pandas as pd
import pytest
from solving import try_out

TRIALS = {
    "1.1": ("always_spam", "always_spam = 0.4"),
    "1.2": ("rows_when_equal", "rows_when_equal = 5"),
    "1.3": ("rows_in_puzzle", "rows_in_puzzle = 7"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, messages, tmp_path):
    at_hand = {
        "messages": messages,
        "counts": messages["Label"].value_counts(),
        "names": ("ham", "spam"),
        "pd": pd,
        "io": io,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)
