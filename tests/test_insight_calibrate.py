import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from spamft.evaluate import reliability, report
from spamft.insight.calibrate import (
    Rates,
    at_share,
    choose_threshold,
    costs,
    fit_temperature,
    rates_at,
    shift_prior,
    spam_scores,
    threshold_curve,
)
from spamft.use.verdict import DecisionRule


def drawn(size: int, scale: float = 1.0, seed: int = 0):
    """Logits that are calibrated if scale is 1, and overconfident above it."""
    generator = torch.Generator().manual_seed(seed)
    true = torch.randn(size, 2, generator=generator) * 2
    labels = torch.multinomial(true.softmax(-1), 1, generator=generator)[:, 0]
    return true * scale, labels


def test_calibrated_logits_have_no_calibration_error_and_overconfident_ones_do():
    assert report(*drawn(20000)).calibration_error < 0.02
    assert report(*drawn(20000, 4.0)).calibration_error > 0.1


def test_the_calibration_error_is_the_gap_of_the_reliability_table():
    logits, labels = drawn(500, 2.0)
    sure, right, count = reliability(logits, labels).T
    gap = (np.abs(sure - right) * count).sum() / count.sum()
    assert report(logits, labels).calibration_error == pytest.approx(gap)
    assert count.sum() == 500


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_a_scaling_of_the_logits(scale):
    logits, labels = drawn(20000, scale)
    assert fit_temperature(logits, labels) == pytest.approx(scale, rel=0.1)


def test_a_shifted_prior_calibrates_the_logits_on_the_new_mix():
    generator = torch.Generator().manual_seed(1)
    balanced, natural = torch.tensor([0.5, 0.5]), torch.tensor([0.95, 0.05])

    def sample(shares, size=40000):
        labels = torch.multinomial(shares, size, True, generator=generator)
        x = torch.randn(size, generator=generator) + labels * 2.0  # N(0,1) or N(2,1)
        return torch.stack([torch.zeros(size), 2 * x - 2], 1), labels

    logits, labels = sample(natural)  # calibrated for balanced classes
    before = report(logits, labels).loss
    shifted = report(shift_prior(logits, balanced, natural), labels)
    assert shifted.loss < before - 0.05 and shifted.calibration_error < 0.01
    with pytest.raises(ValueError, match="share above 0"):
        shift_prior(logits, balanced, torch.tensor([1.0, 0.0]))


class Logits(ClassifierMixin, BaseEstimator):
    """Logits for messages, as an estimator of scikit-learn."""

    def fit(self, x, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, x):
        return x

    def predict(self, x):
        return self.classes_[x.argmax(1)]


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_the_temperature_is_that_of_scikit_learn(scale):
    generator = torch.Generator().manual_seed(7)
    true = torch.randn(300, 3, generator=generator) * 2
    labels = torch.multinomial(true.softmax(-1), 1, generator=generator)[:, 0]
    x = (true * scale).numpy()
    frozen = FrozenEstimator(Logits().fit(x, labels.numpy()))
    oracle = CalibratedClassifierCV(frozen, method="temperature").fit(x, labels.numpy())
    ours = DecisionRule(fit_temperature(true * scale, labels))
    expected = torch.tensor(oracle.predict_proba(x))
    assert torch.allclose(ours.probabilities(true * scale), expected, atol=1e-3)


@given(st.integers(0, 200), st.floats(0.05, 20))
def test_the_loss_does_not_grow_on_the_messages_that_choose_the_temperature(seed, s):
    logits, labels = drawn(30, s, seed)
    cooled = logits / fit_temperature(logits, labels)
    assert report(cooled, labels).loss <= report(logits, labels).loss + 1e-12


def test_where_no_message_is_predicted_wrong_the_temperature_stays_1():
    logits, _ = drawn(50)
    assert fit_temperature(logits, logits.argmax(-1)) == 1.0


ham_counts, rates = st.integers(1, 300), st.sampled_from([0.005, 0.01, 0.05, 0.2, 0.5])


@given(ham_counts, rates, st.integers(0, 50))
def test_the_threshold_is_the_conformal_quantile_of_the_ham(size, rate, seed):
    """The ceil((n + 1)(1 - rate))-th smallest score of n."""
    generator = torch.Generator().manual_seed(seed)
    scores = (torch.rand(size + 9, generator=generator) * 50).round() / 50  # with ties
    labels = (torch.arange(size + 9) >= size).long()  # the last ones are spam
    place = math.ceil((size + 1) * (1 - Fraction(str(rate))))
    if place > size:
        with pytest.raises(ValueError, match=f"at least {round(1 / rate) - 1} are"):
            choose_threshold(scores, labels, rate)
        return
    threshold = choose_threshold(scores, labels, rate)
    assert threshold == scores[:size].sort().values[place - 1]
    assert rates_at(scores, labels, threshold).false_positives <= rate


@pytest.mark.parametrize("size, rate", [(499, 0.002), (750, 0.002), (150, 0.05)])
def test_new_ham_is_above_the_threshold_at_most_at_the_rate_on_average(size, rate):
    generator = torch.Generator().manual_seed(size)
    trials = torch.rand(4000, size, generator=generator)  # of uniform scores
    zeros = torch.zeros(size)
    lost = torch.tensor([1 - choose_threshold(row, zeros, rate) for row in trials])
    error = (lost.std() / len(lost) ** 0.5).item()
    assert lost.mean().item() == pytest.approx(
        math.floor((size + 1) * rate + 1e-9) / (size + 1), abs=4 * error
    )
    assert lost.mean().item() <= rate + 4 * error


def test_no_threshold_of_the_curve_catches_more_at_the_same_false_positives():
    logits, labels = drawn(400)
    scores = spam_scores(logits)
    threshold = choose_threshold(scores, labels, 0.05)
    false, recall, _ = metrics.roc_curve(labels, scores, drop_intermediate=False)
    rates = rates_at(scores, labels, threshold)
    assert rates.recall == max(recall[false <= rates.false_positives + 1e-12])


@pytest.mark.parametrize("rate", [0.0, 1.0, -1.0, float("nan")])
def test_a_false_positive_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        choose_threshold(torch.rand(5), torch.zeros(5), rate)


def test_rates_are_those_of_scikit_learn():
    logits, labels = drawn(300)
    scores = spam_scores(logits)
    rates = rates_at(scores, labels, 0.7)
    predicted = (scores > 0.7).long()
    assert rates.recall == pytest.approx(metrics.recall_score(labels, predicted))
    assert rates.precision == pytest.approx(metrics.precision_score(labels, predicted))
    ham = labels == 0
    assert rates.false_positives == pytest.approx(predicted[ham].double().mean().item())


def test_precision_at_a_share_is_that_of_messages_mixed_in_that_share():
    rates = Rates(recall=0.8, false_positives=0.02, precision=0.0)
    spam, ham = 100, 900
    caught, wrong = 0.8 * spam, 0.02 * ham
    assert at_share(rates, 0.1) == pytest.approx(caught / (caught + wrong))
    assert at_share(Rates(0.0, 0.0, 0.0), 0.1) == 0.0


def test_a_spam_score_needs_two_classes():
    with pytest.raises(ValueError, match="2 classes, not 3"):
        spam_scores(torch.zeros(4, 3))


def test_a_curve_has_the_rates_of_every_threshold_and_costs_follow_from_it():
    logits, labels = drawn(200)
    scores = spam_scores(logits)
    curve = threshold_curve(scores, labels)
    for row in curve.iloc[1:-1].itertuples():
        rates = rates_at(scores, labels, row.threshold - 1e-9)
        assert (row.recall, row.false_positives) == pytest.approx(rates[:2])
    cost = costs(curve, share=0.2, lost_ham=10)
    assert cost.iloc[0] == pytest.approx(0.2)  # spam for none: every spam is missed
    assert cost.iloc[-1] == pytest.approx(8.0)  # spam for all: every ham is lost
