import io
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from spamft.plots.comparison import plot_comparison
from spamft.plots.style import BLUE, ORANGE

METHODS = pd.DataFrame(
    {
        "method": ["rule", "head only", "full"],
        "accuracy": [0.5, 0.88, 0.9],
        "lowest": [0.5, 0.87, 0.88],
        "highest": [0.5, 0.89, 0.92],
        "interval_low": [0.4, 0.8, 0.8],
        "interval_high": [0.6, 0.93, 0.95],
        "seconds": [0.0, 5.0, 4000.0],
        "trained": [0, 642, 7_558_722],
        "baseline": ["rule"] * 3,
        "seed_1": [0.5, 0.87, 0.92],
        "seed_2": [np.nan, 0.89, 0.88],
    }
)


def many(count, **columns):
    """As many methods, the last one the best."""
    frame = pd.concat([METHODS[2:]] * count, ignore_index=True)
    own = {
        "method": [f"method {k}" for k in range(count)],
        "accuracy": np.arange(count) / count,
        "baseline": "method 0",
    } | columns
    for name in ("lowest", "highest", "interval_low", "interval_high"):
        own.setdefault(name, own["accuracy"])
    return frame.assign(**own)


def names_of(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def written(figure):
    """Draw all of it, without any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    return figure


@pytest.mark.parametrize("count", [1, 2, 4, 16, 30])
def test_every_method_has_a_row_and_the_best_is_at_the_top(count):
    figure = written(plot_comparison(many(count)))
    assert names_of(figure) == [f"method {k}" for k in reversed(range(count))]
    bottom, top = figure.axes[0].get_ylim()
    assert top < 0 and count - 1 < bottom
    assert all(axes.get_xlabel() for axes in figure.axes)


def test_a_row_has_its_interval_a_dot_per_seed_and_the_mean():
    bars, _, dots, means, *_ = plot_comparison(METHODS).axes[0].collections
    ends = [segment[:, 0].tolist() for segment in bars.get_segments()]
    assert ends == [[0.8, 0.95], [0.8, 0.93], [0.4, 0.6]]
    found = sorted(map(tuple, dots.get_offsets().tolist()))
    assert found == [(0.5, 2), (0.87, 1), (0.88, 0), (0.89, 1), (0.92, 0)]
    assert means.get_offsets().tolist() == [[0.9, 0], [0.88, 1], [0.5, 2]]


def test_of_a_table_without_the_seeds_their_range_is_drawn():
    frame = METHODS.drop(columns=["seed_1", "seed_2"])
    _, ranges, dots, *_ = written(plot_comparison(frame)).axes[0].collections
    ends = [segment[:, 0].tolist() for segment in ranges.get_segments()]
    assert ends == [[0.88, 0.92], [0.87, 0.89], [0.5, 0.5]]
    assert len(dots.get_offsets()) == 0


@pytest.mark.parametrize("name", METHODS["method"])
def test_the_line_stands_at_the_baseline_and_names_it(name):
    axes = plot_comparison(METHODS.assign(baseline=name)).axes[0]
    [line] = axes.lines
    accuracy = METHODS.set_index("method")["accuracy"][name]
    assert line.get_xdata() == [accuracy, accuracy]
    assert f"best baseline: {name}" in texts_of(axes)
    low, high = axes.get_xlim()
    assert low < accuracy < high
    colors = [to_hex(color) for color in axes.collections[3].get_edgecolor()]
    assert colors.count(ORANGE) == 1 and colors.count(BLUE) == 2


def test_without_a_baseline_there_is_no_line():
    figure = written(plot_comparison(METHODS.assign(baseline=np.nan)))
    assert not figure.axes[0].lines and "baseline" not in figure.alt


def test_few_that_are_far_worse_are_arrows_at_the_edge_with_their_number():
    frame = METHODS.assign(baseline="full")
    figure = written(plot_comparison(frame))
    low, _ = figure.axes[0].get_xlim()
    assert 0.7 < low < 0.8
    assert figure.axes[0].collections[4].get_offsets().tolist() == [[low, 2]]
    assert texts_of(figure.axes[0])[:3] == ["90.0", "88.0", "50.0"]
    even = many(3, accuracy=[0.5, 0.7, 0.9], interval_low=0.4)
    assert plot_comparison(even).axes[0].get_xlim()[0] < 0.4


def test_what_it_costs_is_a_dot_and_a_number():
    axes = plot_comparison(METHODS).axes[1]
    [dots] = axes.collections
    assert dots.get_offsets().tolist() == [[4000, 0], [5, 1], [0.01, 2]]
    assert texts_of(axes) == ["7.56M", "642", "none", "trained parameters"]
    low, high = axes.get_xlim()
    assert low < 0.01 and high > 4000
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks[0] == "0.01 s" and "1 h" in ticks


@pytest.mark.parametrize("accuracy", [0, 0.9, 1])
def test_equal_accuracies_have_room_and_no_tick_is_above_100(accuracy):
    equal = many(3, accuracy=accuracy)
    figure = written(plot_comparison(equal))
    low, high = figure.axes[0].get_xlim()
    assert low < accuracy < high and figure.axes[0].get_xticks().max() <= 1


def test_of_equals_the_quicker_one_is_above():
    frame = many(3, accuracy=[0.9, 0.1 + 0.8, 0.9], seconds=[3.0, 1.0, 2.0])
    assert names_of(plot_comparison(frame)) == ["method 1", "method 2", "method 0"]


def test_of_many_methods_the_best_and_the_baseline_are_drawn():
    figure = written(plot_comparison(many(60)))
    assert names_of(figure) == [f"method {k}" for k in [*range(59, 29, -1), 0]]
    title = figure.get_suptitle()
    assert title == "the best 30 of 60 methods, and the best baseline"
    assert figure.get_figheight() < 12


@pytest.mark.parametrize("name", ["$x^{", "_", "x" * 5000, "语言模型" * 99, "a\nb\x1b"])
def test_any_name_can_be_drawn_in_bounds(name):
    names = [f"{name}{k}" for k in range(40)]
    figure = written(plot_comparison(many(40, method=names, baseline=names[3])))
    assert figure.get_figwidth() < 14 and len(figure.alt) < 2000
    assert sum(text.startswith("best baseline") for text in texts_of(figure.axes[0]))


def test_the_words_name_the_methods_in_order_and_the_baseline():
    alt = plot_comparison(METHODS).alt
    assert alt.startswith("3 methods by test accuracy")
    assert "full 90.0% (80.0% to 95.0%), 4,000.0 s; head only 88.0%" in alt
    assert alt.endswith("The best baseline is rule, 50.0%.")
