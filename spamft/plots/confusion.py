"""A report -> its confusion matrix; of many classes, the worst confusions beside it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm

from spamft.evaluate import FEW_CLASSES, Cell, Report
from spamft.plots.style import NAME, Picture, breadth, literal, paper, slanted, told
from spamft.plumbing.display import brief

__all__ = ["plot_confusion"]

CELL = 0.9, 0.8  # inches of a cell with a number in it
FINEST = 250  # cells to a side: more are finer than a screen's dots
NAMED = 20  # names beside an axis, and confusions that are listed
SHORT = 20  # characters of a name in that list


def plot_confusion(report: Report, label_names: Sequence[str]) -> Picture:
    """How many messages of each class were predicted to be of which class.

    More than `FEW_CLASSES` have no numbers: shades, and a list of the worst confusions.
    """
    if len(label_names) <= FEW_CLASSES:
        return _with_numbers(report, label_names)
    return _with_shades(report, label_names)


def _with_numbers(report: Report, label_names: Sequence[str]) -> Picture:
    rows, short = report.confusion, [brief(name, NAME) for name in label_names]
    in_words = [
        f"of {sum(row):,} {name} messages {row[k]:,} were predicted {name}"
        for k, (name, row) in enumerate(zip(short, report.confusion, strict=True))
    ]
    # inches for the names, then a cell's for each class
    names = list(map(literal, label_names))
    wide, high = CELL[0] * len(rows), CELL[1] * len(rows)
    room = max(0, breadth(names) - CELL[0])
    words = told(in_words, "; ", most=FEW_CLASSES)
    figure, axes = paper(
        f"Confusion matrix: {words}.", 1.6 + wide + room, 1.3 + high + 0.8 * room
    )
    names = figure.written(label_names)
    # shades are shares of a row: with counts, an unbalanced test would show its large
    # class and nothing else
    shares = [[cell / max(1, sum(row)) for cell in row] for row in rows]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, row in enumerate(rows):
        for predicted, cell in enumerate(row):
            # from about here on the blue is too dark for dark ink
            dark = shares[true][predicted] > 0.55
            axes.text(
                predicted,
                true,
                f"{cell:,}",
                ha="center",
                va="center",
                fontsize=12,
                color="white" if dark else "#222222",
            )
    axes.set_xticks(range(len(rows)), names, **slanted(names, CELL[0]))
    axes.set_yticks(range(len(rows)), names)
    _name_axes(axes)
    return figure


def _with_shades(report: Report, label_names: Sequence[str]) -> Picture:
    mistakes, count = report.mistakes, len(label_names)
    figure, axes = paper(_worst_in_words(report, label_names), 9.0, 5.6)
    names = figure.written(label_names, SHORT)
    step = -(-count // FINEST)  # classes to a cell, rounded up
    shares = _shares(report.cells, count, step)
    edges = (-0.5, len(shares) * step - 0.5)
    axes.imshow(
        shares,
        cmap="Blues",
        norm=PowerNorm(0.5, 0, 1),  # else one mistake of many could not be seen
        extent=(*edges, *edges[::-1]),
        aspect="auto",
        interpolation="nearest",
    )
    some = range(0, count, -(-count // NAMED))
    named = [names[k] for k in some]
    axes.set_xticks(some, named, fontsize=7, **slanted(named, 0))
    axes.set_yticks(some, named, fontsize=7)
    _name_axes(axes, "" if step == 1 else f", {step} classes to a cell")
    _list(figure, mistakes, names)
    return figure


def _name_axes(axes: Axes, more: str = "") -> None:
    axes.set_xlabel(f"predicted label (messages{more})")
    axes.set_ylabel(f"true label (messages{more})")
    axes.grid(False)


def _shares(cells: Sequence[Cell], count: int, step: int) -> np.ndarray:
    """What share of each `step` true classes was predicted to be of which."""
    side = -(-count // step)
    true, predicted, examples = np.array(cells).T
    sums = np.zeros((side, side))
    np.add.at(sums, (true // step, predicted // step), examples)
    return sums / np.maximum(1, sums.sum(1, keepdims=True))


def _list(figure: Picture, mistakes: Sequence[Cell], names: Sequence[str]) -> None:
    """The worst confusions, to the right of the matrix."""
    lines = [
        f"{names[true]} → {names[predicted]}: {count:,}"
        for true, predicted, count in mistakes[:NAMED]
    ]
    title = f"Most frequent mistakes, {len(lines)} of {len(mistakes):,} kinds"
    lines = (
        [title, "true → predicted: messages", "", *lines] if lines else ["No mistake"]
    )
    figure.get_layout_engine().set(rect=(0, 0, 0.64, 1))
    figure.text(
        0.66, 0.93, "\n".join(lines), va="top", fontsize=7, linespacing=1.6
    ).set_in_layout(False)


def _worst_in_words(report: Report, label_names: Sequence[str]) -> str:
    short = [brief(name, NAME) for name in label_names]
    each = [
        f"{count:,} of {short[true]} as {short[predicted]}"
        for true, predicted, count in report.mistakes
    ]
    words = f"most often mistaken: {told(each)}" if each else "no mistake"
    return (
        f"Confusion matrix of {len(label_names):,} classes, {report.accuracy:.1%} of "
        f"{report.examples:,} messages right; {words}."
    )
