"""Findings as lines of text, as an HTML table, and as columns of text."""

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spamft.plumbing.display import visible

__all__ = ["Line", "as_columns", "as_html", "as_text"]

BAR_WIDTH = 120  # pixels for a share of 1; narrow, so that the words keep their room


class Line(NamedTuple):
    """One finding, and its share in 0..1 if it is one."""

    what: str
    finding: str
    share: float | None = None


def as_text(lines: Iterable[Line]) -> str:
    """One line per finding, in two columns."""
    pairs = [(visible(line.what), visible(line.finding)) for line in lines]
    # 35 characters hold nearly every name of an audit's own
    width = max([35, *(len(what) for what, _ in pairs)])
    return "\n".join(f"{what:{width}} {finding}" for what, finding in pairs)


def as_html(lines: Iterable[Line]) -> str:
    """A table, with a bar where a finding is a share."""
    return f"<table>{''.join(map(_row, lines))}</table>"


def as_columns(rows: Iterable[Sequence[str] | str]) -> str:
    """Rows of cells below each other, numbers to the right; a lone string is a heading.

    The first row names the columns; each is as wide as its widest cell.
    """
    rows = [r if isinstance(r, str) else [visible(cell) for cell in r] for r in rows]
    cells = [row for row in rows if not isinstance(row, str)]
    first, *others = (max(map(len, column)) for column in zip(*cells, strict=True))
    lines = []
    for row in rows:
        if isinstance(row, str):
            lines.append(visible(row))
            continue
        pairs = zip(row[1:], others, strict=True)
        numbers = "".join(f"  {cell:>{width}}" for cell, width in pairs)
        lines.append(f"{row[0]:{first}}{numbers}".rstrip())
    return "\n".join(lines)


def _row(line: Line) -> str:
    bar, width = "", round(BAR_WIDTH * (line.share or 0))
    if width:
        # plots.BLUE, written out: importing it would load matplotlib
        style = f"background:#3b6fd4;height:0.8em;width:{width}px"
        bar = f'<div style="{style}"></div>'
    what, finding = html.escape(visible(line.what)), html.escape(visible(line.finding))
    return (
        f'<tr><th style="text-align:left">{what}</th>'
        f'<td style="text-align:left">{finding}</td>'
        f"<td>{bar}</td></tr>"
    )
