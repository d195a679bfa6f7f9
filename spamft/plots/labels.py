"""Accuracy over the number of labels, and where the curves lead."""

from collections.abc import Mapping, Sequence

import pandas as pd

from spamft.plots.style import Picture, colors, in_percent, literal, paper

__all__ = ["plot_label_curves"]

MARKERS = "osD^v"
ASIDE = 1.04  # times the labels: else the intervals would lie on each other
LONGEST = 40  # characters of a method's name


def plot_label_curves(
    frame: pd.DataFrame, laws: Mapping[str, Sequence[Sequence[float]]]
) -> Picture:
    """One curve per method with its intervals; dotted, the law that it follows.

    `frame` has one row per method and size: method, labels, accuracy, interval_low and
    interval_high. `laws` has numbers of labels, also larger ones, and the accuracies
    to expect with them, by method.
    """
    names = list(frame["method"].unique())
    figure, axes = paper(_in_words(frame, laws), 7.0, 4.4)
    for place, (name, color) in enumerate(zip(names, colors(len(names)), strict=True)):
        curve = frame[frame["method"] == name]
        accuracy = curve["accuracy"]
        ends = accuracy - curve["interval_low"], curve["interval_high"] - accuracy
        axes.errorbar(
            curve["labels"] * ASIDE**place,
            accuracy,
            ends,
            color=color,
            marker=MARKERS[place % len(MARKERS)],
            markersize=5,
            elinewidth=0.8,
            label=literal(name, LONGEST),
        )
        if name in laws:
            axes.plot(*laws[name], color=color, linestyle=":")
    axes.set_xscale("log", base=2)  # each size is twice the one before
    axes.xaxis.set_major_formatter(lambda labels, _: f"{labels:,.0f}")
    axes.set_xlabel("labelled messages to train on (dotted: the fitted power law)")
    axes.set_ylabel("test accuracy (%), with its 95 % interval")
    in_percent(axes)
    figure.legend(frameon=False, loc="outside upper center", ncols=2)
    return figure


def _in_words(
    frame: pd.DataFrame, laws: Mapping[str, Sequence[Sequence[float]]]
) -> str:
    lines = []
    for name, curve in frame.groupby("method", sort=False):
        first, last = curve.iloc[0], curve.iloc[-1]
        line = (
            f"{name} from {first['accuracy']:.1%} with {first['labels']:,} labels "
            f"to {last['accuracy']:.1%} with {last['labels']:,}"
        )
        if name in laws:
            labels, accuracy = (values[-1] for values in laws[name])
            line += f", {accuracy:.1%} expected with {labels:,.0f}"
        lines.append(line)
    return f"Accuracy over the number of labels: {'; '.join(lines)}."
