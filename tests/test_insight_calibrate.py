import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

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


@given(st.integers(50, 400), st.integers(0, 50), st.sampled_from([0.02, 0.05, 0.2]))
def test_the_threshold_keeps_its_rate_on_the_scores_it_was_chosen_on(size, seed, rate):
    generator = torch.Generator().manual_seed(seed)
    scores = (torch.rand(size, generator=generator) * 20).round() / 20  # with ties
    labels = torch.arange(size) % 2
    if (labels == 0).sum() * rate < 1:
        with pytest.raises(ValueError, match="are needed"):
            choose_threshold(scores, labels, rate)
        return
    threshold = choose_threshold(scores, labels, rate)
    assert rates_at(scores, labels, threshold).false_positives <= rate
    # and it is the lowest: a little lower, and too much ham is lost
    assert rates_at(scores, labels, threshold - 1e-6).false_positives > rate or (
        threshold < 0
    )


def test_a_false_positive_rate_of_0_is_refused():
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        choose_threshold(torch.rand(5), torch.zeros(5), 0.0)


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
