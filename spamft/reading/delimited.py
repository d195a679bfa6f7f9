"""One line -> the cells of a CSV or TSV, and what a row is.

In a TSV quotation marks are text unless they enclose whole cells; in a CSV they enclose
cells. `quotes` is "text" or "csv" where that is known better.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = ["ENDS", "TSV", "Dialect", "Row", "cells_of", "is_blank", "refusal"]

ENDS = "\r\n"
_ENCLOSED = re.compile(r'"(?:[^"]|"")*"')
# A message may be any length. The limit is the process's and meant against quotes that
# nothing closes, which end here with the file, and with an error
csv.field_size_limit(2**31 - 1)


class Row(NamedTuple):
    """The cells of one row."""

    line: int  # of the file, from 1, where it begins; or the number of the record
    cells: list[str]


class Dialect(NamedTuple):
    """How the lines of a file are cut into cells."""

    delimiter: str
    quotes: str | None = None  # "text", "csv", or as usual for the delimiter
    blank_follows: bool = False  # a blank after each delimiter is no part of a cell

    def parse(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """As the csv module reads it."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            skipinitialspace=self.blank_follows,
            strict=True,
        )

    @property
    def marks_may_be_text(self) -> bool:
        """Whether each quotation mark's context tells what it means: in a TSV."""
        return self.delimiter == "\t" and self.quotes is None


TSV = Dialect("\t")


def refusal(path: Path, line: int, what: object) -> SpamftError:
    """The error for a line of a file, however long or odd what it quotes is."""
    return SpamftError(f"{path}:{line}: {brief(what)}")


def cells_of(line: str, dialect: Dialect) -> list[str] | None:
    """The cells of one line, or None if it does not close what it quotes.

    An empty line has none, as for the csv module; with quotes as text it has one.

    >>> cells_of('ham\\t"so he said', TSV)
    ['ham', '"so he said']
    """
    line = line.rstrip(ENDS)
    if not line and dialect.quotes != "text":
        return []
    if dialect.quotes == "text" or ('"' not in line and not dialect.blank_follows):
        return line.split(dialect.delimiter)
    try:
        return next(dialect.parse([line]), [""])
    except csv.Error:
        if not dialect.marks_may_be_text:
            return None
    return [
        cell[1:-1].replace('""', '"') if _ENCLOSED.fullmatch(cell) else cell
        for cell in line.split("\t")
    ]


def is_blank(cells: list[str]) -> bool:
    """Whether a row has nothing in any cell."""
    return not any(cell.strip() for cell in cells)
