import io

import pytest

from spamft.plots.training import plot_accuracy, plot_loss, plot_losses
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


def test_several_trainings_stand_side_by_side_on_one_scale():
    figure = plot_losses({"slow $x^$": HISTORY[3:], "quick": HISTORY[:3]})
    figure.savefig(io.BytesIO(), format="png")
    slow, quick = figure.axes
    assert slow.get_ylim() == quick.get_ylim() and slow.get_ylim()[0] == 0
    assert slow.get_ylim()[1] > max(record.validation_loss for record in HISTORY)
    for axes, history in ((slow, HISTORY[3:]), (quick, HISTORY[:3])):
        train, validation = (line.get_ydata().tolist() for line in axes.lines)
        assert train == [record.train_loss for record in history]
        assert validation == [record.validation_loss for record in history]
        assert axes.get_xlabel() == "epochs"
    assert "loss" in slow.get_ylabel() and quick.get_title() == "quick"
    assert "quick: training ends at 0.333, validation is lowest at" in figure.alt


@pytest.mark.parametrize("histories", [{}, {"none": []}, {"a": HISTORY, "b": []}])
def test_a_training_without_a_record_cannot_be_compared(histories):
    with pytest.raises(ValueError, match="no record"):
        plot_losses(histories)


def test_too_many_trainings_for_one_picture_are_refused():
    with pytest.raises(ValueError, match="7 trainings: draw 6 at a time"):
        plot_losses({str(i): HISTORY for i in range(7)})
