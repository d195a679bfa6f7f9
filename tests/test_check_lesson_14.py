import math

import pytest
from solving import try_out

TRIALS = {
    "14.1": ("precision", "precision = 0.1"),
    "14.2": ("messages_needed", "messages_needed = 5"),
    "14.3": ("chances", "chances = [0.1, 0.2]"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    try_out(name, TRIALS[name], {"math": math}, tmp_path)
