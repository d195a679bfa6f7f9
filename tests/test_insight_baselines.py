import pytest

from spamft.insight.baselines import BASELINES, length_rule, majority_class

TEXTS = ["see you", "lunch?", "ok", "WIN a free car now, text CAR to claim it"] * 3
LABELS = [0, 0, 0, 1] * 3


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_fits_texts_and_predicts_labels(name):
    predicted = BASELINES[name]().fit(TEXTS, LABELS).predict(TEXTS)
    assert set(predicted) <= {0, 1} and len(predicted) == 12
    if name != "majority class":
        assert list(predicted) == LABELS


def test_the_majority_class_is_that_of_training():
    assert set(majority_class().fit(["a"] * 3, [1, 1, 0]).predict(["x", "y"])) == {1}


def test_the_length_rule_uses_nothing_but_lengths():
    rule = length_rule().fit(TEXTS, LABELS)
    assert list(rule.predict(["x" * 60, "WIN"])) == [1, 0]
