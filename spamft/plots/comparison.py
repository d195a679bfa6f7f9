"""A table of methods -> one row each: accuracy, seeds, time, and what trained."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, PercentFormatter

from spamft.plots.style import BLUE, ORANGE, Picture, breadth, paper, style, told
from spamft.plumbing.display import brief

__all__ = ["plot_comparison"]

MOST = 30  # methods in one picture
LONGEST = 40  # characters of a method's name
SIZE = 9  # points of the letters in a row
NEAR = 0.15  # if most methods lie so close to the best, only these fix the axis
SHORTEST = 0.01  # seconds that are drawn: a logarithmic axis has no 0
TIMES = {
    **{0.01: "0.01 s", 0.1: "0.1 s", 1: "1 s", 10: "10 s"},
    **{60: "1 min", 600: "10 min", 3600: "1 h", 36_000: "10 h", 360_000: "100 h"},
}


def plot_comparison(frame: pd.DataFrame) -> Picture:
    """One row per method, the best at the top: its seeds, their mean, its interval.

    A vertical line through all rows is the best baseline. A second panel has the time,
    and in words how many parameters trained. Of many methods the best are drawn.
    `frame` is of the form that `summarize` gives; without the columns of the seeds
    their range is drawn alone.
    """
    rows = _best(frame)
    figure, _ = paper(_in_words(frame, rows))
    figure.clear()
    names = figure.written(rows["method"], LONGEST)
    # inches: the panels and their numbers take 6.6, a row 0.27
    wide, high = 6.6 + breadth(names) * SIZE / 10, 1.15 + 0.27 * len(rows)
    figure.set_size_inches(wide, high)
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(5, 3))
    _accuracies(left, rows)
    _times(right, rows)
    for axes in (left, right):
        style(axes)
        axes.tick_params("y", length=0, pad=8)  # room for an arrow at the edge
        axes.spines["left"].set_visible(False)
    left.set_yticks(range(len(rows)), names, fontsize=SIZE)
    left.set_ylim(len(rows) - 0.4, -0.6)  # the first row at the top
    for place in np.flatnonzero(_is_baseline(rows)):
        _line(left, rows["accuracy"].iloc[place], f"best baseline: {names[place]}")
    if len(rows) < len(frame):
        figure.suptitle(_which(frame, rows), fontsize=SIZE)
    return figure


def _best(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows to draw in their order; of equals the quicker one comes first."""
    # means of the same accuracies in another order differ in the last digit
    keys = frame.assign(accuracy=frame["accuracy"].round(9))
    keys = keys.sort_values(["accuracy", "seconds"], ascending=[False, True])
    rows = frame.loc[keys.index].reset_index(drop=True)
    return rows[(rows.index < MOST) | _is_baseline(rows)]


def _is_baseline(rows: pd.DataFrame) -> pd.Series:
    return rows["method"] == rows["baseline"]


def _accuracies(axes: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    colors = np.where(_is_baseline(rows), ORANGE, BLUE)
    ends = rows["interval_low"], rows["interval_high"]
    axes.hlines(places, *ends, colors=colors, linewidth=8, alpha=0.22)
    seeds = rows.filter(regex=r"^seed_\d+$").to_numpy(float)
    axes.hlines(places, rows["lowest"], rows["highest"], colors=colors, linewidth=0.8)
    row, seed = np.nonzero(np.isfinite(seeds))
    axes.scatter(seeds[row, seed], row, s=14, color=colors[row], linewidths=0)
    axes.scatter(rows["accuracy"], places, s=110, marker="|", color=colors, zorder=3)
    low, high = _limits(rows)
    axes.set_xlim(low, high)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_xticks([tick for tick in axes.get_xticks() if low <= tick <= min(high, 1)])
    axes.set_xlabel(
        "test accuracy (%)\nbar: 95 % interval; stroke: mean; thin line: seeds"
    )
    beyond = np.flatnonzero(rows["accuracy"] < low)
    edge = np.full(len(beyond), low)
    axes.scatter(edge, beyond, s=24, marker="<", color=colors[beyond], clip_on=False)
    _beside(axes, "mean", [f"{100 * accuracy:.1f}" for accuracy in rows["accuracy"]])


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Ends of the axis: a few far worse methods must not press the others together."""
    near = rows["accuracy"] >= rows["accuracy"].max() - NEAR
    inside = rows[near | _is_baseline(rows)] if near.mean() > 0.5 else rows
    ends = inside[["interval_low", "interval_high", "lowest", "highest"]]
    low, high = ends.to_numpy().min(), ends.to_numpy().max()
    room = max(0.005, (high - low) / 25)  # even if all are equal
    return low - room, high + room


def _times(axes: Axes, rows: pd.DataFrame) -> None:
    seconds = rows["seconds"].clip(lower=SHORTEST)
    colors = np.where(_is_baseline(rows), ORANGE, BLUE)
    axes.scatter(seconds, range(len(rows)), s=22, color=colors)
    axes.set_xscale("log")
    first = max((t for t in TIMES if t <= seconds.min()), default=SHORTEST)
    last = min((t for t in TIMES if t > seconds.max()), default=2 * seconds.max())
    axes.set_xlim(first / 1.3, last * 1.3)  # a dot at the edge is seen in full
    ticks = [t for t in TIMES if first <= t <= last]
    slanted = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    axes.set_xticks(ticks, map(TIMES.get, ticks), fontsize=8, **slanted)
    axes.minorticks_off()
    axes.set_xlabel("time to train and test")
    _beside(axes, "trained parameters", map(_count, rows["trained"]))


def _beside(axes: Axes, title: str, texts: Iterable[str]) -> None:
    """Write a column of texts to the right of `axes`, one per row."""
    at = {"transform": axes.get_yaxis_transform(), "fontsize": SIZE, "color": "#555555"}
    for place, text in enumerate(texts):
        axes.text(1.04, place, text, va="center", **at)
    axes.text(1.04, -0.75, title, va="bottom", ha="left", **at)


def _line(axes: Axes, accuracy: float, name: str) -> None:
    """The baseline's accuracy through all rows, its name above them."""
    axes.axvline(accuracy, color=ORANGE, linewidth=1, zorder=1)
    axes.annotate(
        name,
        (accuracy, 1),
        (0, 3),
        xycoords=axes.get_xaxis_transform(),
        textcoords="offset points",
        ha="right",  # where only names are; to the right are other titles
        color=ORANGE,
        fontsize=SIZE,
    )


def _count(parameters: float) -> str:
    """A number of parameters, to three digits."""
    if not parameters:
        return "none"
    return EngFormatter(sep="")(float(f"{parameters:.3g}"))


def _which(frame: pd.DataFrame, rows: pd.DataFrame) -> str:
    more = ", and the best baseline" if len(rows) > MOST else ""
    return f"the best {MOST} of {len(frame):,} methods{more}"


def _in_words(frame: pd.DataFrame, rows: pd.DataFrame) -> str:
    lines = [
        f"{brief(each.method, LONGEST)} {each.accuracy:.1%} "
        f"({each.interval_low:.1%} to {each.interval_high:.1%}), {each.seconds:,.1f} s"
        for each in rows.itertuples()
    ]
    words = (
        f"{len(frame):,} methods by test accuracy with its 95 % interval, and seconds: "
        f"{told(lines, '; ')}."
    )
    for each in rows[_is_baseline(rows)].itertuples():
        name = brief(each.method, LONGEST)
        words += f" The best baseline is {name}, {each.accuracy:.1%}."
    return words
