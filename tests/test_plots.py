import io
from base64 import b64decode

import numpy as np
import pandas as pd
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from spamft.evaluate import report
from spamft.plots import (
    plot_accuracy,
    plot_class_counts,
    plot_comparison,
    plot_confusion,
    plot_costs,
    plot_learning_curves,
    plot_ledger,
    plot_lengths,
    plot_loss,
    plot_precision_recall,
    plot_reliability,
)
from spamft.train import Record

LEDGER = pd.DataFrame(
    {"part": ["body", "head"], "parameters": [100, 10], "trains": [False, True]}
)
CURVE = pd.DataFrame(
    {"threshold": [1, 0.5, 0], "recall": [0, 0.9, 1], "false_positives": [0, 0.1, 1]}
)
WAYS = pd.DataFrame(
    {"way": ["a", "b"], "accuracy": [0.5, 0.9], "interval_low": [0.4, 0.8]}
    | {"interval_high": [0.6, 0.95], "seconds": [0.0, 20.0], "trained": [0, 1e6]}
)
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
        plot_learning_curves({"a": {16: [0.5, 0.7], 32: [0.9]}}),
        plot_ledger(LEDGER),
        plot_reliability({"a": np.array([[0.6, 0.5, 10], [0.9, 0.8, 90], [0, 0, 0]])}),
        plot_precision_recall(CURVE),
        plot_costs(CURVE["threshold"], {"a": [0.3, 0.1, 0.2]}),
        plot_comparison(WAYS),
    ):
        assert png(figure).startswith(b"\x89PNG")
        assert figure.axes[0].get_xlabel() and figure.axes[0].get_ylabel()
        assert figure.alt.endswith(".")


def test_jupyter_shows_the_picture_and_knows_its_words():
    figure = plot_ledger(LEDGER)
    data, metadata = DisplayFormatter().format(figure)
    assert b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == metadata["image/png"]["alt"] == figure.alt


def test_the_words_say_what_the_picture_shows(messages):
    assert plot_class_counts(messages).alt == "Bars: 12 ham, 4 spam messages."
    assert (
        "from 1.000 to 0.167, validation from 1.500 to 0.250" in plot_loss(HISTORY).alt
    )
    one = report(torch.eye(2), torch.tensor([0, 1]))
    confusion = plot_confusion(one, ["ham", "spam"])
    assert "of 1 spam messages 1 were called spam" in confusion.alt
    assert "110 in all, 10 of them train: head" in plot_ledger(LEDGER).alt


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="no record"):
        plot_loss([])


def test_the_words_of_the_later_pictures_come_from_the_numbers():
    assert "b with 90.0% in 20.0 seconds" in plot_comparison(WAYS).alt
    assert "90% at 50% spam" in plot_precision_recall(CURVE).alt
    assert (
        "a 100.0 at 0.50" in plot_costs(CURVE["threshold"], {"a": [0.3, 0.1, 0.2]}).alt
    )
