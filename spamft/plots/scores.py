"""Scores -> how reliable they are, and what a threshold on them costs."""

from collections.abc import Mapping, Sequence

import numpy as np

from spamft.plots.style import GREY, Picture, colors, literal, paper

__all__ = ["plot_costs", "plot_reliability"]


def plot_reliability(tables: Mapping[str, np.ndarray]) -> Picture:
    """Accuracy over confidence, one line per table: on the diagonal if calibrated.

    A table is `evaluate.reliability`'s: confidence, accuracy and predictions, by bin.
    """
    in_words = []
    figure, axes = paper()
    axes.plot([50, 100], [50, 100], color=GREY, linestyle=":", label="calibrated")
    for (name, table), color in zip(tables.items(), colors(len(tables)), strict=True):
        confidence, accuracy, count = table[table[:, 2] > 0].T
        x, y = 100 * confidence, 100 * accuracy
        axes.plot(x, y, color=color, linewidth=1.5, label=literal(name))
        # A dot's area grows with its predictions, but more slowly: the surest bin often
        # holds a hundred times as many as another, which must still be seen, hence
        # the 8 points for an empty one, too
        axes.scatter(x, y, s=8 + 2 * count**0.75, color=color)
        in_words.append(f"{name}: {confidence[-1]:.0%} sure, {accuracy[-1]:.0%} right")
    figure.alt = f"Accuracy over confidence; in the surest bin {'; '.join(in_words)}."
    axes.set_xlabel("confidence: how sure the model is (%)")
    axes.set_ylabel("accuracy: how often it is right (%)")
    axes.legend(frameon=False)
    return figure


def plot_costs(thresholds: Sequence[float], by_name: Mapping[str, Sequence]) -> Picture:
    """The cost per 1,000 messages over the threshold: one line per name, lowest marked.

    `by_name` has costs per message, one per threshold.
    """
    figure, axes = paper()
    in_words = []
    for (name, cost), color in zip(by_name.items(), colors(len(by_name)), strict=True):
        per_thousand = 1000 * np.asarray(cost)
        best = int(per_thousand.argmin())
        lowest, at = per_thousand[best], thresholds[best]
        axes.plot(thresholds, per_thousand, color=color, label=literal(name))
        axes.plot(at, lowest, "o", color=color)
        in_words.append(f"{name} {lowest:.1f} at {at:.2f}")
    figure.alt = f"Cost over threshold; the lowest: {'; '.join(in_words)}."
    axes.set_xlabel("spam if the probability is above")
    axes.set_ylabel("cost per 1,000 messages (missed spam = 1)")
    axes.legend(frameon=False)
    return figure
