"""A table of methods -> their accuracy against what they cost in seconds."""

import math

import pandas as pd
from matplotlib.axes import Axes

from spamft.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    Picture,
    in_percent,
    paper,
    style,
)
from spamft.plumbing.display import brief

__all__ = ["plot_comparison"]

CIRCLES = 20  # methods: the names of more have no room beside the panels
LONGEST = 40  # characters of a method's name

SHORTEST = 0.01  # seconds that are drawn: a logarithmic axis has no 0


def plot_comparison(frame: pd.DataFrame) -> Picture:
    """Accuracy against seconds: one numbered circle per method, larger for more
    trainable parameters. Of many methods the best are drawn.

    The left panel shows every method; the right one zooms in on the best. `frame` has
    one row per method: method, accuracy, interval_low, interval_high, seconds and
    trained (parameters).
    """
    best = frame.loc[frame["accuracy"].idxmax()]
    figure, _ = paper(
        f"{len(frame)} methods by seconds and accuracy; the best is "
        f"{brief(best['method'], LONGEST)} "
        f"with {best['accuracy']:.1%} in {best['seconds']:.1f} seconds.",
        9.5,
        4.0,
    )
    figure.clear()
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    written = pd.Series(figure.written(frame["method"], LONGEST), frame.index)
    count = len(frame)
    frame = frame.assign(method=written).nlargest(CIRCLES, "accuracy").sort_index()
    # within 3 points of the best: there the circles of the left panel overlap
    upper = frame[frame["accuracy"] >= best["accuracy"] - 0.03]
    for axes, some in ((left, frame), (right, upper)):
        _circles(axes, some)
        style(axes)
        in_percent(axes)
        axes.set_xscale("log")
        seconds = some["seconds"].clip(lower=SHORTEST)
        # room on both sides, even if all took equally long
        axes.set_xlim(seconds.min() / 1.5, seconds.max() * 1.5)
        axes.set_xlabel("seconds, training and test")
    left.set_ylabel("test accuracy (%), with its 95 % interval")
    right.set_ylabel("the best ones, enlarged (%)")
    low, high = upper["accuracy"].min(), upper["accuracy"].max()
    room = max(0.003, (high - low) / 4)  # for a circle's radius, even around one alone
    right.set_ylim(low - room, high + room)
    _legend(figure, left, count)
    return figure


def _circles(axes: Axes, frame: pd.DataFrame) -> None:
    for each in frame.itertuples():
        # grey trains nothing; 100,000 parameters lie between what a head or a baseline
        # trains (blue) and the inside of a GPT (orange)
        color = ORANGE if each.trained > 1e5 else BLUE if each.trained else GREY
        seconds = max(each.seconds, SHORTEST)
        number = each.Index + 1
        ends = [each.interval_low, each.interval_high]
        axes.plot([seconds] * 2, ends, color=color, alpha=0.25, linewidth=0.8)
        axes.scatter(
            seconds,
            each.accuracy,
            # 90 points of area hold a number; parameters differ too much for more than
            # their logarithm
            s=90 + 30 * math.log10(1 + each.trained),
            color=color,
            alpha=0.9,
            label=f"{number}  {each.method}",
        )
        axes.text(
            seconds,
            each.accuracy,
            str(number),
            color="white",
            fontsize=8,
            ha="center",
            va="center",
        )


def _legend(figure: Picture, axes: Axes, count: int) -> None:
    figure.legend(
        *axes.get_legend_handles_labels(),
        title=f"the best {CIRCLES} of {count:,}" if count > CIRCLES else None,
        frameon=False,
        loc="outside right center",
        fontsize=8,
        markerscale=0.5,
    )
