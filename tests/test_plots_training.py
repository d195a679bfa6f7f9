import io

import pytest
import torch

from spamft.evaluate import report
from spamft.plots.training import plot_accuracy, plot_confusion, plot_loss
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


def test_the_confusion_is_written_out():
    logits = torch.eye(3)[torch.tensor([0, 1, 1, 2])]
    figure = plot_confusion(report(logits, torch.tensor([0, 1, 2, 2])), ["a", "b", "c"])
    axes = figure.axes[0]
    written = [text.get_text() for text in axes.texts]
    assert written == ["1", "0", "0", "0", "1", "0", "0", "1", "1"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]
    assert "predicted" in axes.get_xlabel() and "true" in axes.get_ylabel()
    assert "of 2 c messages 1 were predicted c" in figure.alt


def test_ink_is_white_where_most_of_a_class_is_predicted():
    figure = plot_confusion(report(torch.eye(2), torch.tensor([0, 1])), ["ham", "spam"])
    inks = [text.get_color() for text in figure.axes[0].texts]
    assert inks == ["white", "#222222", "#222222", "white"]


def test_no_class_of_the_confusion_is_taken_for_a_formula():
    names = ["$$", "$x^$"]
    figure = plot_confusion(report(torch.eye(2), torch.tensor([0, 1])), names)
    figure.savefig(io.BytesIO(), format="png")
