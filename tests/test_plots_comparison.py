import io
import warnings

import pandas as pd
from matplotlib.colors import to_hex

from spamft.plots.comparison import plot_comparison
from spamft.plots.style import BLUE, GREY, ORANGE

METHODS = pd.DataFrame(
    {
        "method": ["rule", "head only", "full"],
        "accuracy": [0.5, 0.88, 0.9],
        "interval_low": [0.4, 0.8, 0.8],
        "interval_high": [0.6, 0.93, 0.95],
        "seconds": [0.0, 5.0, 20.0],
        "trained": [0, 642, 1e6],
    }
)


def test_there_is_one_numbered_circle_and_one_interval_per_method():
    left = plot_comparison(METHODS).axes[0]
    assert [text.get_text() for text in left.texts] == ["1", "2", "3"]
    assert len(left.collections) == len(left.lines) == 3
    assert left.lines[1].get_ydata().tolist() == [0.8, 0.93]


def test_the_right_panel_has_only_the_best_under_their_numbers():
    right = plot_comparison(METHODS).axes[1]
    assert [text.get_text() for text in right.texts] == ["2", "3"]
    low, high = right.get_ylim()
    assert 0.85 < low < 0.88 and 0.9 < high < 0.92


def test_a_circle_is_larger_and_of_another_color_if_more_trains():
    circles = plot_comparison(METHODS).axes[0].collections
    sizes = [circle.get_sizes()[0] for circle in circles]
    assert sizes == sorted(sizes)
    found = [to_hex(circle.get_facecolor()[0]) for circle in circles]
    assert found == [GREY, BLUE, ORANGE]


def test_the_words_name_the_best_method():
    alt = plot_comparison(METHODS).alt
    assert alt.startswith("3 methods by seconds and accuracy")
    assert alt.endswith("the best is full with 90.0% in 20.0 seconds.")


def test_it_can_be_written_and_names_its_axes_and_methods():
    figure = plot_comparison(METHODS)
    figure.savefig(io.BytesIO(), format="png")
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["1  rule", "2  head only", "3  full"]


def test_a_single_method_can_be_drawn():
    plot_comparison(METHODS[2:].reset_index()).savefig(io.BytesIO(), format="png")


def test_of_many_methods_the_best_are_drawn_under_their_numbers():
    frame = pd.concat([METHODS] * 20, ignore_index=True)
    frame["accuracy"] = [k / 60 for k in range(60)]
    frame["method"] = [f"${k} {'x' * 5000}" for k in range(60)]
    figure = plot_comparison(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(io.BytesIO(), format="png")
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert numbers == [str(k) for k in range(41, 61)]
    legend = figure.legends[0]
    assert legend.get_title().get_text() == "the best 20 of 60"
    assert figure.alt.startswith("60 methods") and len(figure.alt) < 300
