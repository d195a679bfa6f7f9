import io
import warnings

import numpy as np

from spamft.plots.scores import plot_costs, plot_reliability

TABLE = np.array([[0.6, 0.5, 10], [0.9, 0.8, 90], [0, 0, 0]])
THRESHOLDS = [1, 0.5, 0]


def test_a_picture_of_seven_tables_has_seven_lines():
    axes = plot_reliability({name: TABLE for name in "abcdefg"}).axes[0]
    diagonal, *lines = axes.lines
    assert [line.get_label() for line in lines] == list("abcdefg")
    assert len({line.get_color() for line in lines}) == 7
    assert diagonal.get_label() == "calibrated"


def test_a_picture_of_seven_costs_has_seven_lines_and_marks_each_minimum():
    figure = plot_costs(THRESHOLDS, {name: [0.3, 0.1, 0.2] for name in "abcdefg"})
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    marks = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert [line.get_label() for line in lines] == list("abcdefg")
    assert len({line.get_color() for line in lines}) == len(marks) == 7
    assert {mark.get_xdata()[0] for mark in marks} == {0.5}
    assert "a 100.0 at 0.50" in figure.alt


def test_costs_of_nothing_and_far_apart_are_all_inside_the_picture():
    axes = plot_costs(THRESHOLDS, {"a": [0.3, 0, 0.2], "b": [90, 0, 1]}).axes[0]
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    for line in axes.lines:
        assert all(left <= x <= right for x in line.get_xdata())
        assert all(bottom <= y <= top for y in line.get_ydata())


def test_empty_bins_are_left_out_and_larger_ones_have_larger_dots():
    figure = plot_reliability({"a": TABLE})
    line, [dots] = figure.axes[0].lines[1], figure.axes[0].collections
    assert line.get_xdata().tolist() == [60, 90]
    assert line.get_ydata().tolist() == [50, 80]
    small, large = dots.get_sizes()
    assert 8 < small < large
    assert "in the surest bin a: 90% sure, 80% right" in figure.alt


def test_every_picture_can_be_written_and_names_its_axes():
    for figure in (
        plot_reliability({"a": TABLE}),
        plot_costs(THRESHOLDS, {"a": [0.3, 0.1, 0.2]}),
    ):
        figure.savefig(io.BytesIO(), format="png")
        assert figure.axes[0].get_xlabel() and figure.axes[0].get_ylabel()
        assert figure.alt.endswith(".")


def test_no_name_is_taken_for_a_formula_or_left_out():
    table = np.array([[0.9, 0.8, 5]])
    names = ["$$", "$x^$", "_^{}"]
    for figure, more in (
        (plot_reliability(dict.fromkeys(names, table)), 1),
        (plot_costs([0.1, 0.9], dict.fromkeys(names, [1, 2])), 0),
    ):
        figure.savefig(io.BytesIO(), format="png")
        assert len(figure.axes[0].get_legend().get_texts()) == 3 + more


def test_of_many_names_the_first_are_drawn_in_a_picture_of_the_same_size():
    names = [f"{k} {'x' * 5000}" for k in range(100)]
    for figure, more in (
        (plot_reliability(dict.fromkeys(names, TABLE)), 1),
        (plot_costs(THRESHOLDS, dict.fromkeys(names, [0.3, 0.1, 0.2])), 0),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure.savefig(io.BytesIO(), format="png")
        legend = figure.axes[0].get_legend()
        assert len(legend.get_texts()) == 12 + more
        assert legend.get_title().get_text() == "the first 12 of 100"
        assert len(figure.alt) < 1500


def test_the_diagonal_reaches_the_least_confident_bin():
    unsure = np.array([[0.34, 0.3, 10], [0.9, 0.8, 90]])
    diagonal = plot_reliability({"a": TABLE, "b": unsure}).axes[0].lines[0]
    assert diagonal.get_xdata()[0] == 34
    assert plot_reliability({"a": TABLE}).axes[0].lines[0].get_xdata()[0] == 50
