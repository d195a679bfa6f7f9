import pandas as pd
import pytest
from solving import try_out

from spamft.check import check, guess
from spamft.check.record import read_guesses
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


def judged(name, answer, folder, **at_hand):
    given = 0.3 if name == "2.2" else [1, 2, 3]
    guess(name, answer, sure=0.8, folder=folder)
    check(name, given, folder=folder, **at_hand)
    return read_guesses(folder)[name].right


def test_a_share_by_chance_may_be_guessed_by_what_it_is_on_average(tmp_path):
    texts = [f"message {number}" for number in range(1104)]
    encoded = pd.DataFrame({"Label": [0, 1] * 552, "Text": texts})
    given = {"encoded": encoded, "splits": random_split(encoded, 0.7, 0.1, seed=123)}
    for share, right in ((0.2, True), (0.16, True), (0.5, False), (0.1, False)):
        assert judged("2.2", share, tmp_path / str(share), **given) is right


def test_a_size_that_turns_on_rounding_is_guessed_exactly(tmp_path):
    for size in (149, 150):
        assert judged("2.1", size, tmp_path / str(size)) is (size == 150)
