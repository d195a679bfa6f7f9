import io

import pytest

from spamft.plots.training import plot_accuracy, plot_loss
from spamft.train import Record

HISTORY = [Record(i / 2, i, 8 * i, 1e-3, 1 / i, 0.8, 1.5 / i, 0.7) for i in range(1, 7)]


@pytest.mark.parametrize("plot, what", [(plot_loss, "loss"), (plot_accuracy, "accur")])
def test_curves_run_over_epochs_and_messages_seen(plot, what):
    figure = plot(HISTORY)
    axes = figure.axes[0]
    train, validation = (line.get_ydata().tolist() for line in axes.lines)
    name = "loss" if what == "loss" else "accuracy"
    assert train == [getattr(record, f"train_{name}") for record in HISTORY]
    assert validation == [getattr(record, f"validation_{name}") for record in HISTORY]
    assert axes.lines[0].get_xdata().tolist() == [r.epoch for r in HISTORY]
    assert what in axes.get_ylabel() and axes.get_xlabel() == "epochs"
    figure.savefig(io.BytesIO(), format="png")  # lays it out
    top = axes.child_axes[0]
    assert top.get_xlabel() == "messages seen"
    assert top.get_xlim()[1] == pytest.approx(axes.get_xlim()[1] * 16)


def test_a_history_of_one_record_can_be_drawn():
    assert plot_accuracy(HISTORY[:1]).alt.endswith("to 70.0%.")


def test_a_long_history_has_lines_without_dots():
    few, many = plot_loss(HISTORY), plot_loss(HISTORY * 6)
    assert few.axes[0].lines[0].get_marker() == "o"
    assert many.axes[0].lines[0].get_marker() == "None"


def test_the_words_describe_the_curves():
    alt = plot_loss(HISTORY).alt
    assert alt.startswith("Loss over 3 epochs: training goes from 1.000 to 0.167")
    assert "validation from 1.500 to 0.250" in alt


def test_an_empty_history_is_an_error():
    with pytest.raises(ValueError, match="no record"):
        plot_loss([])
