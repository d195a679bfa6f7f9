import numpy as np
import pytest
from scipy.stats import binomtest

from spamft.experiments.table import (
    interval,
    markdown,
    mcnemar,
    readings_table,
    summarize,
)


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


def test_mcnemar_counts_only_what_one_of_the_two_gets_right():
    one = np.array([1, 1, 1, 1, 1, 1, 0, 0] + [1] * 50).astype(bool)
    other = np.array([0, 0, 0, 0, 0, 0, 1, 0] + [1] * 50).astype(bool)
    assert mcnemar(one, other) == binomtest(6, 7).pvalue == mcnemar(other, one)
    assert mcnemar(one, one) == 1


def test_the_interval_surrounds_the_mean_and_narrows_with_more_messages():
    rng = np.random.default_rng(1)
    widths = []
    for n in (100, 1600):
        right = rng.random((3, n)) < 0.9
        low, high = interval(right)
        assert low <= right.mean() <= high
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.4)


def test_a_row_has_means_over_seeds_their_range_and_the_test_against_the_row_above():
    table = {
        "a": [cell([1, 0, 0, 0])],
        "b": [cell([1, 1, 1, 0]), cell([1, 1, 1, 1]), cell([1, 0, 1, 1])],
    }
    frame = summarize(table)
    assert frame["accuracy"].tolist() == pytest.approx([0.25, 10 / 12])
    b = frame.iloc[1]
    assert (b["lowest"], b["highest"], b["seeds"]) == (0.75, 1.0, 3)
    votes = np.array([True] * 4)  # two of three seeds are right about each
    assert b["mcnemar_p"] == mcnemar(np.array([True, False, False, False]), votes)
    assert np.isnan(frame["mcnemar_p"].iloc[0])


def test_the_page_has_one_row_per_method_and_the_readings_of_answers():
    words = {"parsed": 0.99, "generated": 0.9, "likelihood": 0.8, "per_token": 0.7}
    table = {"a": [cell([1, 0])], "b": [cell([1, 1], readings=words)]}
    page = markdown(summarize(table), readings_table(table), "what was compared")
    assert page.startswith("what was compared\n")
    assert "| a | 10 | 50.00% |" in page
    assert "| b | 99.00% | 90.00% | 80.00% | 70.00% |" in page


def test_a_method_fills_its_cell_and_no_other():
    words = {"parsed": 0.99, "generated": 0.9, "likelihood": 0.8, "per_token": 0.7}
    evil = "a|b\n<img src=x> [c](d)"
    table = {evil: [cell([1, 0], readings=words)]}
    page = markdown(summarize(table), readings_table(table), f"# data: {evil}")
    shown = r"a\|b␊&lt;img src=x&gt; \[c\](d)"
    assert page.startswith(rf"\# data: {shown}" + "\n")
    assert f"| {shown} | 10 |" in page and f"| {shown} | 99.00% |" in page
