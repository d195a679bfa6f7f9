"""Edits in rows: what escapes, what becomes the class, and the harmless control."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from spamft.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    Picture,
    breadth,
    literal,
    paper,
    style,
    told,
)
from spamft.plumbing.display import brief

__all__ = ["plot_stress"]

MOST = 60  # edits in one picture
LONGEST = 40  # characters of an edit's name
SIZE = 9  # points of the letters in a row
COLORS = {"escapes": BLUE, "alarms": ORANGE}


def plot_stress(frame: pd.DataFrame, label: str | None) -> Picture:
    """One row per edit under its kind: a dot with its interval, the control a ring.

    The left panel has what escapes from the class `label`, the right one what becomes
    it; without a class there is one panel. `frame` is of the form that the table of a
    `Stress` has; of an edit that changed no message there is no dot.
    """
    rows, panels = _under_kinds(frame.head(MOST)), _panels(label)
    figure, _ = paper(_in_words(frame, label))
    figure.clear()
    names = figure.written(rows["edit"], LONGEST)
    # inches: a panel takes 3.2, a row 0.22
    wide = 0.6 + 3.2 * len(panels) + breadth(names) * SIZE / 10
    figure.set_size_inches(wide, 1.3 + 0.22 * len(rows))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for each, (column, title) in zip(axes, panels.items(), strict=True):
        _dots(each, rows, column)
        _lay_out(each, title)
    axes[0].set_yticks(range(len(rows)), names, fontsize=SIZE)
    axes[0].set_ylim(len(rows) - 0.4, -0.6)  # the first row at the top
    for text, heading in zip(axes[0].get_yticklabels(), rows["heading"], strict=True):
        text.set_fontweight("bold" if heading else "normal")
    figure.legend(handles=_keys(), frameon=False, loc="outside upper center", ncols=2)
    return figure


def _panels(label: str | None) -> dict[str, str]:
    """The title of each panel by its column."""
    if label is None:
        return {"escapes": "becomes wrong, of what was right (%)"}
    name = literal(label)
    return {
        "escapes": f"escapes, of caught {name} (%)",
        "alarms": f"becomes {name}, of others (%)",
    }


def _under_kinds(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows, and before those of a kind one with its name and nothing else."""
    parts = []
    for kind, rows in frame.groupby("kind", sort=False):
        parts.append(pd.DataFrame([{"edit": kind, "heading": True}]))
        parts.append(rows.assign(heading=False))
    return pd.concat(parts, ignore_index=True)


def _dots(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    rows, color = rows[rows[column].notna()], COLORS[column]
    ends = rows[f"{column}_low"], rows[f"{column}_high"]
    axes.hlines(rows.index, *ends, colors=color, linewidth=2.5, alpha=0.35)
    ring = {"facecolors": "none", "edgecolors": GREY, "linewidths": 1.2}
    axes.scatter(rows[f"{column}_control"], rows.index, s=34, zorder=3, **ring)
    axes.scatter(rows[column], rows.index, s=24, color=color, zorder=4)


def _lay_out(axes: Axes, title: str) -> None:
    style(axes)
    axes.set_xlim(-0.03, 1.03)  # a dot at the edge is seen in full
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_xlabel(title)
    axes.tick_params("y", length=0)
    axes.spines["left"].set_visible(False)


def _keys() -> list[Line2D]:
    dot = {"linestyle": "", "marker": "o", "color": GREY}
    return [
        Line2D([], [], **dot | {"linestyle": "-"}, label="the edit, its 95 % interval"),
        Line2D([], [], **dot, markerfacecolor="none", label="the harmless control"),
    ]


def _in_words(frame: pd.DataFrame, label: str | None) -> str:
    lines = ["; ".join(_line(row, label)) for row in frame.to_dict("records")]
    return f"What edits do to verdicts. {told(lines, '. ', most=MOST)}."


def _line(row: dict, label: str | None) -> Iterator[str]:
    """The edit with its shares, and the control's."""
    before = f"{brief(row['edit'], LONGEST)}: "
    titles = {"escapes": "escape", "alarms": f"become {brief(label, LONGEST)}"}
    if label is None:
        titles = {"escapes": "become wrong"}
    for column, title in titles.items():
        if not row[f"{column}_of"]:
            yield f"{before}no message to change"
        else:
            share, control = row[column], row[f"{column}_control"]
            yield f"{before}{share:.0%} {title}, with harmless words {control:.0%}"
        before = ""
