import io
import warnings

import pandas as pd
import pytest
from PIL import Image

from spamft.plots.messages import plot_class_counts, plot_ledger, plot_lengths

LEDGER = pd.DataFrame(
    {"part": ["body", "head"], "parameters": [100, 10], "trains": [False, True]}
)


def test_class_counts_are_written_on_the_bars(messages):
    df = pd.DataFrame({"Label": ["ham"] * 1200 + ["spam"], "Text": "x"})
    axes = plot_class_counts(df).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1,200", "1"]
    assert plot_class_counts(messages).alt == "Bars: 12 ham, 4 spam messages."


def test_lengths_are_shares_of_each_label(messages):
    figure = plot_lengths(messages)
    axes = figure.axes[0]
    assert {t.get_text() for t in axes.get_legend().get_texts()} == {"ham", "spam"}
    assert "characters" in axes.get_xlabel() and "share" in axes.get_ylabel()
    assert "medians: ham 12, spam 12 characters" in figure.alt


def test_seven_labels_have_seven_outlines_and_bars_of_their_own_color():
    df = pd.DataFrame({"Label": list("abcdefg") * 3, "Text": ["one", "two", "six"] * 7})
    outlines = plot_lengths(df).axes[0].patches
    assert len({patch.get_edgecolor() for patch in outlines}) == 7
    bars = plot_class_counts(df).axes[0].patches
    assert len({bar.get_facecolor() for bar in bars}) == 7


def test_a_ledger_has_one_bar_per_part_and_names_what_trains():
    figure = plot_ledger(LEDGER)
    axes = figure.axes[0]
    assert [text.get_text().strip() for text in axes.texts] == ["100", "10"]
    legend = {text.get_text() for text in axes.get_legend().get_texts()}
    assert legend == {"trains", "frozen"}
    assert "110 in all, 10 of them train: head" in figure.alt


def test_a_ledger_of_which_nothing_trains_needs_no_legend():
    figure = plot_ledger(LEDGER.assign(trains=False))
    assert figure.axes[0].get_legend() is None and figure.alt.endswith("110 in all.")


def test_every_picture_can_be_written_and_names_its_axes(messages):
    for figure in (
        plot_lengths(messages),
        plot_class_counts(messages),
        plot_ledger(LEDGER),
    ):
        figure.savefig(io.BytesIO(), format="png")
        assert figure.axes[0].get_xlabel() and figure.axes[0].get_ylabel()
        assert figure.alt.endswith(".")


def test_no_label_is_taken_for_a_formula_or_left_out():
    names = ["$$", "$x^$", "_^{}"]
    df = pd.DataFrame({"Label": names * 4, "Text": ["a", "bb", "ccc"] * 4})
    lengths, counts = plot_lengths(df), plot_class_counts(df)
    for figure in (lengths, counts):
        figure.savefig(io.BytesIO(), format="png")
    assert len(lengths.axes[0].get_legend().get_texts()) == 3
    assert len(counts.axes[0].get_xticklabels()) == 3


@pytest.mark.parametrize("count", [21, 300])
def test_of_many_labels_the_most_frequent_are_drawn(count):
    names = [f"{k:03d} {'x' * 5000}" for k in range(count)]
    df = pd.DataFrame({"Label": [*names, names[7]], "Text": "one"})
    for plot, drawn in ((plot_lengths, 10), (plot_class_counts, 20)):
        figure = plot(df)
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure.savefig(file, format="png", dpi=100)
        assert max(Image.open(file).size) <= 1100 and len(figure.alt) < 1200
        assert f"007 {'x' * 19}" in figure.alt
        assert f"the {drawn} most frequent of {count} labels" in figure.alt


def test_a_ledger_of_many_parts_has_a_bound():
    parts = [f"${k} {'x' * 999}" for k in range(500)]
    figure = plot_ledger(pd.DataFrame({"part": parts, "parameters": 1, "trains": True}))
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    assert max(Image.open(file).size) <= 1600 and len(figure.alt) < 1000
    assert "440 more" in figure.axes[0].get_ylabel() and "500 in all" in figure.alt


def test_a_label_that_no_font_has_is_drawn_as_its_number():
    df = pd.DataFrame({"Label": ["a", "\U0010fffd"] * 4, "Text": "x"})
    bars, lengths = plot_class_counts(df), plot_lengths(df)
    assert bars.axes[0].get_xticklabels()[1].get_text() == "1"
    assert lengths.axes[0].get_legend().get_texts()[1].get_text() == "1"
    assert "drawn as 1." in bars.alt and "drawn as 1." in lengths.alt
