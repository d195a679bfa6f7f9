import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test

from spamft.experiments.table import (
    best_baseline,
    interval,
    markdown,
    paired_test,
    readings_table,
    summarize,
)

WORDS = {"parsed": 0.99, "generated": 0.9, "likelihood": 0.8, "per_token": 0.7}


def cell(right, **more):
    return {
        "right": right,
        "accuracy": float(np.mean(right)),
        "mcc": 0.5,
        "seconds": 2.0,
        "trained": 10,
        "file_bytes": 1e6,
        "peak_bytes": 5e8,
    } | more


def drawn(seeds, messages, seed=1):
    return np.random.default_rng(seed).integers(2, size=(seeds, messages))


def test_of_one_seed_the_test_is_mcnemars():
    one = np.array([1, 1, 1, 1, 1, 1, 0, 0] + [1] * 50).astype(bool)
    other = np.array([0, 0, 0, 0, 0, 0, 1, 0] + [1] * 50).astype(bool)
    assert paired_test(one, other) == pytest.approx(binomtest(6, 7).pvalue)
    one, other = np.ones(300), np.repeat([0, 1], [90, 210])
    assert paired_test(one, other) == pytest.approx(binomtest(90, 90).pvalue, rel=1e-9)


@pytest.mark.parametrize("seeds", [(3, 1), (2, 3)])
def test_of_several_seeds_the_test_throws_every_sign_like_a_coin(seeds):
    one, other = drawn(seeds[0], 11), drawn(seeds[1], 11, seed=2)
    expected = permutation_test(
        (one.mean(0), other.mean(0)),
        lambda a, b: np.mean(a - b),
        permutation_type="samples",
        n_resamples=2**11,  # all there are
    )
    assert paired_test(one, other) == pytest.approx(expected.pvalue)


def test_the_test_does_not_ask_which_is_which_and_finds_nothing_between_equals():
    one, other = drawn(5, 300), drawn(1, 300, seed=2)
    assert paired_test(one, other) == paired_test(other, one)
    assert paired_test(one, one) == paired_test(other, np.repeat(other, 3, 0)) == 1


def test_of_equally_good_methods_one_in_twenty_has_a_p_below_5_percent():
    pairs = ((drawn(3, 80, k), drawn(1, 80, 1000 + k)) for k in range(300))
    below = np.mean([paired_test(*pair) < 0.05 for pair in pairs])
    assert 0.01 < below < 0.09  # three standard errors on either side


def test_the_interval_surrounds_the_mean_and_narrows_with_more_messages():
    rng = np.random.default_rng(1)
    widths = []
    for n in (100, 1600):
        right = rng.random((3, n)) < 0.9
        low, high = interval(right)
        assert low <= right.mean() <= high
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.4)


def test_the_interval_is_that_of_all_draws_at_once():
    right = drawn(3, 1001)
    places = np.random.default_rng(0).integers(1001, size=(4000, 1001))
    expected = np.quantile(right.mean(0)[places].mean(1), [0.025, 0.975])
    assert interval(right) == pytest.approx(tuple(expected))


def test_a_row_has_means_over_seeds_and_each_seed():
    seeds = [[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 1, 1]]
    frame = summarize({"a": [cell([1, 0, 0, 0])], "b": list(map(cell, seeds))})
    assert frame["accuracy"].tolist() == pytest.approx([0.25, 10 / 12])
    a, b = frame.iloc[0], frame.iloc[1]
    assert (b["lowest"], b["highest"], b["seeds"]) == (0.75, 1.0, 3)
    assert b[["seed_1", "seed_2", "seed_3"]].tolist() == [0.75, 1, 0.75]
    assert a["seed_1"] == 0.25 and np.isnan(a["seed_2"]) and np.isnan(a["seed_3"])


def test_each_row_is_tested_against_the_baseline_that_validation_chose():
    base, same, other = drawn(1, 60), drawn(1, 60), drawn(2, 60, seed=3)
    frame = summarize(
        {
            "better": [cell([1] * 60, validation=0.7)],  # on the test part alone
            "base": [cell(base[0].tolist(), validation=0.8)],
            "same": [cell(right) for right in same.tolist()],
            "other": [cell(right) for right in other.tolist()],
        }
    ).set_index("method")
    assert set(frame["baseline"]) == {"base"}
    assert frame.loc["base", "difference":"p_value"].isna().all()
    assert frame.loc["same", "difference":"p_value"].tolist() == [0, 0, 0, 1]
    assert frame["p_value"]["other"] == paired_test(other, base)
    found = frame.loc["other"]
    assert found["difference"] == pytest.approx(other.mean() - base.mean())
    low, high = interval(other - base)
    assert (found["difference_low"], found["difference_high"]) == (low, high)
    assert low < found["difference"] < high


def test_without_a_baseline_nothing_is_tested():
    table = {"a": [cell([1, 0])], "b": [cell([1, 1])]}
    frame = summarize(table)
    assert best_baseline(table) is None and frame["p_value"].isna().all()
    assert "No baseline was run" in markdown(frame, readings_table(table), "")


def test_the_page_has_one_row_per_method_and_the_readings_of_answers():
    table = {
        "a": [cell([1, 0], validation=0.5)],
        "b": [cell([1, 1], readings=WORDS)],
    }
    page = markdown(summarize(table), readings_table(table), "what was compared")
    assert page.startswith("what was compared\n")
    assert "| points to a (95 % interval) | p |" in page
    assert "| a | 10 | 50.00% |" in page and "| +50.0 (+0.0 to +100.0) | 1 |" in page
    assert "\na is the baseline" in page
    assert "| b | 99.00% | 90.00% | 80.00% | 70.00% |" in page


@pytest.mark.parametrize("more", [{}, {"validation": 0.5}])
def test_every_row_of_the_page_has_as_many_cells_as_there_are_headings(more):
    table = {
        "a": [cell([1, 0], **more)],
        "b": [cell([1, 1], peak_bytes=None), cell([0, 1], peak_bytes=None)],
        "c": [cell([1, 1], readings=WORDS)],
    }
    page = markdown(summarize(table), readings_table(table), "t")
    first, _, rest = page.partition("\n\n")[2].partition("\n\n")
    for part, rows in ((first, 3), (rest.partition("\n\n")[2], 1)):
        counts = [line.count("|") for line in part.strip().split("\n")]
        assert len(counts) == 2 + rows and len(set(counts)) == 1


def test_a_method_fills_its_cell_and_no_other():
    evil = "a|b\n<img src=x> [c](d)"
    table = {evil: [cell([1, 0], readings=WORDS, validation=1.0)]}
    page = markdown(summarize(table), readings_table(table), f"# data: {evil}")
    shown = r"a\|b␊&lt;img src=x&gt; \[c\](d)"
    assert page.startswith(rf"\# data: {shown}" + "\n")
    assert f"| {shown} | 10 |" in page and f"| {shown} | 99.00% |" in page
    assert f"points to {shown} (" in page and evil not in page
