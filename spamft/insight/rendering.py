"""Findings as lines of text and as an HTML table."""

import html
from collections.abc import Iterable
from typing import NamedTuple

from spamft.plumbing.display import visible

__all__ = ["Line", "as_html", "as_text"]

BAR_WIDTH = 120  # pixels for a share of 1; narrow, so that the words keep their room


class Line(NamedTuple):
    """One finding, and its share in 0..1 if it is one."""

    what: str
    finding: str
    share: float | None = None


def as_text(lines: Iterable[Line]) -> str:
    """One line per finding, in two columns."""
    # 36 characters hold the longest name of an audit's own, and a space
    return "\n".join(
        f"{visible(line.what):36s}{visible(line.finding)}" for line in lines
    )


def as_html(lines: Iterable[Line]) -> str:
    """A table, with a bar where a finding is a share."""
    return f"<table>{''.join(map(_row, lines))}</table>"


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
