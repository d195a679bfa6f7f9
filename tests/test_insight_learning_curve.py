import numpy as np
import pytest

from spamft.insight.learning_curve import Gain, fit_power_law, summarize_curve
from spamft.plumbing.errors import SpamftError

SIZES = np.array([8, 16, 32, 64, 128, 256, 512, 1024])


def made(a, b, c, seed, draws=5, messages=400):
    """Results of a learner whose error is a n^-b + c, on average over draws."""
    random = np.random.default_rng(seed)
    error = a * SIZES ** -float(b) + c
    spread = 0.02 * random.standard_normal((draws, len(SIZES))) * (8 / SIZES) ** 0.5
    hard = 2 * random.random(messages)  # messages differ; 1 on average
    wrong = np.clip((error + spread)[..., None] * hard, 0, 1)
    return (random.random(wrong.shape) >= wrong).astype(float)


@pytest.mark.parametrize("a, b, c", [(0.6, 0.5, 0.04), (1.0, 0.7, 0.02)])
def test_the_fit_recovers_the_curve_within_its_interval(a, b, c):
    laws = [fit_power_law(SIZES, made(a, b, c, seed)) for seed in range(4)]
    inside = [
        low <= true <= high
        for law in laws
        for (low, high), true in zip(law.intervals().values(), (a, b, c), strict=True)
    ]
    assert sum(inside) >= len(inside) - 1  # of 12 intervals, 0.6 are expected to miss
    gains = [law.doubling(1024) for law in laws]
    true = a * 1024**-b - a * 2048**-b
    assert sum(gain.low <= true <= gain.high for gain in gains) >= 3
    assert all(gain.verdict == "more labels help" for gain in gains)
    assert not any(law.strays for law in laws)


def test_a_flat_curve_is_no_gain():
    gains = [
        fit_power_law(SIZES, made(0, 1, 0.1, seed)).doubling(1024) for seed in range(5)
    ]
    cannot_tell = ["cannot tell" in gain.verdict for gain in gains]
    assert sum(cannot_tell) >= 4


def test_a_curve_that_falls_at_once_is_no_power_law():
    error = np.where(SIZES < 200, 0.4, 0.05)
    random = np.random.default_rng(0)
    right = random.random((5, len(SIZES), 400)) >= error[:, None]
    assert fit_power_law(SIZES, right.astype(float)).strays


def test_three_sizes_fit_no_curve():
    assert fit_power_law(SIZES[:3], made(0.6, 0.5, 0, 0)[:, :3]) is None


def test_the_verdict_goes_by_what_is_shown():
    assert "0.0 to 0.8" in str(Gain(100, 0.002, 0.0001, 0.008))
    assert "cannot tell" in str(Gain(100, 0.002, 0.0001, 0.008))
    assert str(Gain(1045, 0.004, 0.001, 0.009)) == (
        "doubling 1,045 labels: 0.4 points more (95 %: 0.1 to 0.9): more labels help"
    )
    assert "do not help" in str(Gain(100, -0.01, -0.02, -0.003))


def test_an_interval_holds_the_mean_and_is_never_empty():
    right = made(0.6, 0.5, 0.04, seed=1)
    right[:, -1] = 1.0  # no error at all
    table = summarize_curve(SIZES, right)
    assert (table["interval_low"] < table["accuracy"]).all()
    assert (table["accuracy"] <= table["interval_high"]).all()
    assert table["accuracy"].to_numpy() == pytest.approx(right.mean((0, 2)))
    assert table["sd"].to_numpy() == pytest.approx(right.mean(2).std(0, ddof=1))


def test_the_intervals_cover_the_mean_of_all_training_sets():
    truth = 1 - (0.6 * SIZES**-0.5 + 0.04)
    tables = [summarize_curve(SIZES, made(0.6, 0.5, 0.04, seed)) for seed in range(20)]
    inside = [
        (table["interval_low"] <= truth) & (truth <= table["interval_high"])
        for table in tables
    ]
    assert np.mean(inside) > 0.9


def test_one_draw_is_refused():
    with pytest.raises(SpamftError, match="one draw shows no spread"):
        summarize_curve(SIZES, made(0.6, 0.5, 0, 0, draws=1))
    with pytest.raises(SpamftError, match="8 sizes"):
        fit_power_law(SIZES, made(0.6, 0.5, 0, 0)[0])
