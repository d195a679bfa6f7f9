"""Scores -> how reliable they are, and what a threshold on them costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from spamft.plots.style import GREY, NAME, Picture, colors, paper, told
from spamft.plumbing.display import brief

__all__ = ["plot_costs", "plot_reliability"]

LINES = 12  # in one picture: more cannot be told apart
EDGE = 1e-6  # thresholds of 0 and 1 lie infinitely far out


def plot_reliability(tables: Mapping[str, np.ndarray]) -> Picture:
    """Accuracy over confidence, one line per table: on the diagonal if calibrated.

    A table is `evaluate.reliability`'s: confidence, accuracy and predictions, by bin.
    Of many tables the first ones are drawn.
    """
    filled = [table[table[:, 2] > 0] for table in list(tables.values())[:LINES]]
    in_words = [
        f"{brief(name, NAME)}: {table[-1, 0]:.0%} sure, {table[-1, 1]:.0%} right"
        for name, table in zip(tables, filled, strict=False)
    ]
    surest = told(in_words, "; ", LINES)
    figure, axes = paper(f"Accuracy over confidence; in the surest bin {surest}.")
    names = figure.written(tables)
    # of more than two classes, and of a person, confidence can be below one half
    low = min([50, *(100 * table[0, 0] for table in filled)])
    axes.plot([low, 100], [low, 100], color=GREY, linestyle=":", label="calibrated")
    for name, table, color in zip(names, filled, colors(len(filled)), strict=False):
        confidence, accuracy, count = table.T
        x, y = 100 * confidence, 100 * accuracy
        axes.plot(x, y, color=color, linewidth=1.5, label=name)
        # A dot's area grows with its predictions, but more slowly: the surest bin often
        # holds a hundred times as many as another, which must still be seen, hence
        # the 8 points for an empty one, too
        axes.scatter(x, y, s=8 + 2 * count**0.75, color=color)
    axes.set_xlabel("confidence: how sure (%)")
    axes.set_ylabel("accuracy: how often right (%)")
    _legend(axes, len(tables))
    return figure


def plot_costs(thresholds: Sequence[float], by_name: Mapping[str, Sequence]) -> Picture:
    """The cost per 1,000 messages over the threshold: one line per name, lowest marked.

    `by_name` has costs per message, one per threshold. Both axes are stretched: costs
    as their logarithm from 1 on, thresholds near 0 and 1, where they matter most. Of
    many names the first ones are drawn.
    """
    costs = [1000 * np.asarray(cost) for cost in list(by_name.values())[:LINES]]
    in_words = [
        f"{brief(name, NAME)} {cost.min():.1f} at {thresholds[cost.argmin()]:.2f}"
        for name, cost in zip(by_name, costs, strict=False)
    ]
    lowest = told(in_words, "; ", LINES)
    figure, axes = paper(f"Cost over threshold; the lowest: {lowest}.")
    names, x = figure.written(by_name), np.clip(thresholds, EDGE, 1 - EDGE)
    for name, cost, color in zip(names, costs, colors(len(costs)), strict=False):
        axes.plot(x, cost, color=color, label=name)
        axes.plot(x[cost.argmin()], cost.min(), "o", color=color)
    axes.set_xscale("logit")
    axes.xaxis.set_major_formatter(lambda threshold, place: f"{100 * threshold:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yscale("symlog", linthresh=1)  # a cost may be 0
    axes.set_ylim(bottom=min(cost.min() for cost in costs) / 2)
    axes.yaxis.set_major_formatter(lambda cost, place: f"{cost:,g}")
    axes.set_xlabel("spam if the probability is above (%)")
    axes.set_ylabel("cost per 1,000 messages (missed spam = 1)")
    _legend(axes, len(by_name))
    return figure


def _legend(axes: Axes, lines: int) -> None:
    more = f"the first {LINES} of {lines:,}" if lines > LINES else None
    axes.legend(frameon=False, title=more, fontsize=8 if lines > 6 else None)
