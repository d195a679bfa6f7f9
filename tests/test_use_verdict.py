import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import FixedThresholdClassifier

from spamft.plumbing.errors import SpamftError
from spamft.use.verdict import (
    DecisionRule,
    Evidence,
    Threshold,
    Verdict,
    alarm_class,
    check_alarm,
    rule_from,
    show_share,
)

NAMES = ("ham", "news", "spam")
shares = st.floats(0, 1)
temperatures = st.floats(0.05, 100)


def logits_of(seed: int, classes: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(40, classes, generator=generator) * 3


def with_threshold(value: float, label: str = "spam", temperature: float = 1.0):
    return DecisionRule(temperature, threshold=Threshold(label, value))


def test_without_a_rule_it_is_the_most_probable_class_and_never_unsure():
    logits = logits_of(1)
    for row, verdict in zip(
        logits, DecisionRule().verdicts(logits, NAMES), strict=True
    ):
        assert verdict.label == NAMES[row.argmax()] and not verdict.unsure
        expected = row.double().softmax(-1).tolist()
        assert list(verdict.probabilities.values()) == pytest.approx(expected)


@given(temperatures, st.integers(0, 50))
def test_a_temperature_never_changes_the_order_of_scores(temperature, seed):
    rule = DecisionRule(temperature)
    logits = logits_of(seed)
    assert rule.predict(logits, NAMES).equal(logits.argmax(-1))
    two = logits[:, :2]  # of two classes, the order of messages stays, too
    before = two.double().softmax(-1)[:, 1]
    after = rule.probabilities(two)[:, 1][before.argsort()]
    assert (after.diff() >= 0).all()


def by_hand(probabilities: dict[str, float], threshold: Threshold) -> str | None:
    own = probabilities[threshold.label]
    if own > threshold.value:
        return threshold.label
    others = {k: p for k, p in probabilities.items() if k != threshold.label}
    best = max(others, key=others.get)
    return best if others[best] > own else None


@given(shares, temperatures, st.sampled_from(NAMES), st.integers(0, 50))
def test_the_class_of_a_threshold_needs_it_and_no_other_class_does(
    value, temperature, label, seed
):
    rule, logits = with_threshold(value, label, temperature), logits_of(seed)
    verdicts = rule.verdicts(logits, NAMES)
    ids = rule.predict(logits, NAMES).tolist()
    for verdict, k in zip(verdicts, ids, strict=True):
        assert verdict.label == by_hand(verdict.probabilities, rule.threshold)
        assert verdict.label == (None if k < 0 else NAMES[k])
        if verdict.unsure:  # it holds back only what was going to be the class
            assert verdict.probability == verdict.probabilities[label]


class Softmax(ClassifierMixin, BaseEstimator):
    """Logits for messages, as an estimator of scikit-learn."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x):
        return torch.tensor(x).double().softmax(-1).numpy()


@pytest.mark.parametrize("value", [0.1, 0.5, 0.9])
def test_spam_is_predicted_where_scikit_learns_threshold_would(value):
    logits = logits_of(2, 2)
    oracle = FixedThresholdClassifier(
        Softmax(), threshold=value, pos_label=1, response_method="predict_proba"
    ).fit(logits.numpy(), [0, 1] * 20)
    ours = with_threshold(value).predict(logits, ("ham", "spam")) == 1
    assert ours.tolist() == (oracle.predict(logits.numpy()) == 1).tolist()


def test_a_higher_threshold_predicts_the_class_for_fewer_messages_and_unsure_for_more():
    logits, found = logits_of(3), []
    for value in (0.0, 0.5, 0.9, 1.0):
        ids = with_threshold(value).predict(logits, NAMES)
        found.append(((ids == 2).sum().item(), (ids == -1).sum().item()))
    spam, unsure = zip(*found, strict=True)
    assert sorted(spam, reverse=True) == list(spam) and spam[-1] == 0
    assert sorted(unsure) == list(unsure) and unsure[-1] > 0


def test_unsure_is_no_label_and_a_verdict_is_a_pair_all_the_same():
    label, probabilities = verdict = Verdict(None, {"ham": 0.4, "spam": 0.6})
    assert label is None and probabilities["spam"] == verdict.probability == 0.6
    assert verdict.unsure and verdict.shown == "unsure"
    assert not Verdict("unsure", {"unsure": 1.0}).unsure


def test_a_class_called_unsure_can_have_no_threshold():
    names = ("spam", "unsure")
    assert DecisionRule().verdicts(torch.eye(2), names)[1].label == "unsure"
    with pytest.raises(SpamftError, match="a class is called unsure"):
        with_threshold(0.5).predict(torch.eye(2), names)


def test_false_alarms_are_those_of_spam_unless_another_class_is_named():
    assert alarm_class(("ham", "spam")) == "spam"
    assert alarm_class(("ham", "spam"), "ham") == "ham"
    with pytest.raises(SpamftError, match="--alarm NAME says it, one of ham, news"):
        alarm_class(NAMES)
    with pytest.raises(SpamftError, match="no class 'eggs␛' for a threshold: one of"):
        check_alarm(NAMES, "eggs\x1b")


@given(temperatures, shares, st.floats(1e-4, 0.5), st.integers(0, 900))
def test_a_rule_is_stored_to_the_bit(temperature, value, rate, measured):
    evidence = Evidence(rate, "messages", 1000, 900, measured)
    rule = DecisionRule(temperature, 149, Threshold("spam", value, evidence))
    stored = json.loads(json.dumps(rule.to_dict()))
    assert rule_from(stored, NAMES) == rule
    wilson = binomtest(measured, 900).proportion_ci(method="wilson")
    found = stored["threshold"]["evidence"]["interval"]
    assert found == pytest.approx([wilson.low, wilson.high])


EVIDENCE = {"rate": 0.1, "messages": "m", "chosen_on": 9, "measured_on": 9}
THRESHOLD = {"label": "spam", "value": 0.5, "evidence": None}


@pytest.mark.parametrize(
    "entries",
    [
        None,
        [],
        {},
        *({"temperature": bad} for bad in (0, -1, "2", None, True, [], 1e999)),
        *({"fitted_on": bad} for bad in (-1, 1.5, "2", None)),
        *({"threshold": bad} for bad in ("x", 3, {"label": "spam"}, [1])),
        *({"threshold": THRESHOLD | {"label": bad}} for bad in ("eggs", None, [], {})),
        *({"threshold": THRESHOLD | {"value": bad}} for bad in (-1, 2, "1", None)),
        *(
            {"threshold": THRESHOLD | {"evidence": EVIDENCE | {"measured": bad}}}
            for bad in (10, -1, 0.5, None)
        ),
        {"threshold": THRESHOLD | {"evidence": [1]}},
        {"other": 1},
    ],
    ids=str,
)
def test_whatever_is_no_rule_is_refused(entries):
    whole = {"temperature": 1.0, "fitted_on": 0, "threshold": None}
    if isinstance(entries, dict) and entries:
        entries = whole | entries
    with pytest.raises(SpamftError):
        rule_from(entries, NAMES)


def test_shares_are_shown_as_percentages():
    shown = [show_share(share) for share in (0, 0.0005, 0.01, 0.5, 1)]
    assert shown == ["0 %", "0.05 %", "1 %", "50 %", "100 %"]
