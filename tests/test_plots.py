import io

import pandas as pd
import pytest
import torch

from spamft.evaluate import report
from spamft.plots import (
    plot_accuracy,
    plot_class_counts,
    plot_confusion,
    plot_learning_curves,
    plot_lengths,
    plot_loss,
)
from spamft.train import Record

HISTORY = [Record(i / 2, i, 8 * i, 1e-3, 1 / i, 0.8, 1.5 / i, 0.7) for i in range(1, 7)]


def png(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


@pytest.mark.parametrize("plot, what", [(plot_loss, "loss"), (plot_accuracy, "accur")])
def test_curves_run_over_epochs_and_messages_seen(plot, what):
    figure = plot(HISTORY)
    axes = figure.axes[0]
    train, validation = (line.get_ydata().tolist() for line in axes.lines)
    assert train == [
        getattr(r, f"train_{what}" if what == "loss" else "train_accuracy")
        for r in HISTORY
    ]
    assert axes.lines[0].get_xdata().tolist() == [r.epoch for r in HISTORY]
    assert what in axes.get_ylabel() and axes.get_xlabel() == "epochs"
    png(figure)  # lays it out
    top = axes.child_axes[0]
    assert top.get_xlabel() == "messages seen"
    assert top.get_xlim()[1] == pytest.approx(axes.get_xlim()[1] * 16)


def test_the_confusion_is_written_out():
    logits, labels = (
        torch.eye(3)[torch.tensor([0, 1, 1, 2])],
        torch.tensor([0, 1, 2, 2]),
    )
    axes = plot_confusion(report(logits, labels), ["a", "b", "c"]).axes[0]
    written = [text.get_text() for text in axes.texts]
    assert written == ["1", "0", "0", "0", "1", "0", "0", "1", "1"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]


def test_class_counts_are_written_on_the_bars():
    df = pd.DataFrame({"Label": ["ham"] * 1200 + ["spam"], "Text": "x"})
    axes = plot_class_counts(df).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1,200", "1"]


def test_lengths_are_shares_of_each_label(messages):
    axes = plot_lengths(messages).axes[0]
    assert {t.get_text() for t in axes.get_legend().get_texts()} == {"ham", "spam"}
    assert "characters" in axes.get_xlabel()


def test_learning_curves_run_over_the_numbers_of_labels():
    axes = plot_learning_curves({"a": {16: [0.5, 0.7], 32: [0.9]}}).axes[0]
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([0.6, 0.9])
    assert [t.get_text() for t in axes.get_xticklabels()] == ["16", "32"]


def test_every_figure_can_be_written_and_names_its_axes(messages):
    one = report(torch.eye(2), torch.tensor([0, 1]))
    for figure in (
        plot_loss(HISTORY),
        plot_accuracy(HISTORY[:1]),
        plot_confusion(one, ["ham", "spam"]),
        plot_lengths(messages),
        plot_class_counts(messages),
    ):
        assert png(figure).startswith(b"\x89PNG")
        assert figure.axes[0].get_xlabel() and figure.axes[0].get_ylabel()


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="no record"):
        plot_loss([])
