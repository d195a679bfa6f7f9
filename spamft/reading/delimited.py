"""Lines -> the rows of a CSV or TSV, each with the number of its first line.

In a TSV quotation marks are text unless they enclose whole cells; in a CSV they enclose
cells. `quotes` is "text" or "csv" where that is known better.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = ["Dialect", "Row", "cells_of", "is_blank", "read_rows", "refusal"]

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

    An empty line has none, as for the csv module.

    >>> cells_of('ham\\t"so he said', TSV)
    ['ham', '"so he said']
    """
    line = line.rstrip(ENDS)
    if not line:
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


def read_rows(
    lines: Iterable[tuple[int, str]],
    dialect: Dialect,
    width: int | None,
    path: Path,
) -> Iterator[Row]:
    """The rows of numbered lines, all of `width` cells; blank ones are left out.

    Without a width it is the first row's; a TSV needs one. Raises SpamftError with
    file and line.
    """
    if dialect.quotes == "text":
        rows = (Row(number, cells_of(line, dialect)) for number, line in lines)
    elif dialect.marks_may_be_text:
        rows = _tabbed(lines, width, path)
    else:
        rows = _quoted(lines, dialect, path)
    for row in rows:
        empty_text = width == 1 and row.cells == [""]  # `""`, as pandas writes it
        if is_blank(row.cells) and not empty_text:
            continue
        width = width or len(row.cells)
        if len(row.cells) != width:
            what = f"expected {width} columns, found {len(row.cells)} "
            what += f"(a text with {dialect.delimiter!r} in it needs quotes)"
            raise refusal(path, row.line, what)
        yield row


def _quoted(
    lines: Iterable[tuple[int, str]], dialect: Dialect, path: Path
) -> Iterator[Row]:
    """As the csv module reads it: quotes enclose cells, also over several lines."""
    begins = 0

    def feed() -> Iterator[str]:
        nonlocal begins
        for number, line in lines:
            begins = begins or number
            yield line

    try:
        for cells in dialect.parse(feed()):
            yield Row(begins, cells)
            begins = 0
    except csv.Error as error:
        raise refusal(path, begins, error) from error


def _tabbed(lines: Iterable[tuple[int, str]], width: int, path: Path) -> Iterator[Row]:
    """A TSV in which quotes may be text, or enclose cells with tabs and line ends."""
    lines, waiting, opened = iter(lines), [], 0
    while pair := waiting.pop() if waiting else next(lines, None):
        number, line = pair
        cells = cells_of(line, TSV)
        if len(cells) != width and opened and not is_blank(cells):
            what = (
                f"a quotation mark opens here, and line {number} is no row of its own"
            )
            raise refusal(
                path, opened, f"{what}: add --quotes csv if marks enclose cells"
            )
        if len(cells) != width and '"' in line:
            yield _over_lines(number, line, lines, width, path)
        elif len(cells) == width and _opens(line):  # is the next line a row itself?
            follows = next(lines, None)
            if follows is None or _is_row(follows[1], width):
                opened = number  # taken for text: the rows after it must bear that out
                yield Row(number, cells)
                waiting += [follows] if follows else []
            else:
                yield _over_lines(number, line, chain([follows], lines), width, path)
        else:
            yield Row(number, cells)


def _over_lines(
    number: int, line: str, lines: Iterator[tuple[int, str]], width: int, path: Path
) -> Row:
    """A row whose quoted cells go on in the next lines."""
    block, marks = [line], line.count('"')
    while marks % 2:
        follows, line = next(lines, (0, ""))
        marks += line.count('"')
        if not follows or (marks % 2 and _is_row(line, width)):
            inside = (
                f"and line {follows}, which reads like a row of its own, lies inside"
                if follows
                else "and nothing closes it"
            )
            raise refusal(
                path,
                number,
                f"a quotation mark opens here, {inside}: add --quotes text if such "
                "marks are characters of the text, --quotes csv if they enclose cells",
            )
        block.append(line)
    try:
        return Row(number, next(TSV.parse(block)))
    except csv.Error as error:
        what = f"{error}: add --quotes text if quotation marks are characters"
        raise refusal(path, number, what) from error


def _opens(line: str) -> bool:
    """Whether the last cell begins with a quotation mark that it does not close."""
    last = line.rstrip(ENDS).rpartition("\t")[2]
    return last.startswith('"') and last.count('"') % 2 == 1


def _is_row(line: str, width: int) -> bool:
    return width > 1 and len(line.rstrip(ENDS).split("\t")) == width
