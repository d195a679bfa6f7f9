"""Lines -> the rows of a TSV, in which a quotation mark may be a character or enclose.

Where both readings are possible, neither is taken: that would swallow rows, or cut one.
"""

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from spamft.reading.delimited import ENDS, TSV, Row, cells_of, is_blank, refusal

__all__ = ["tabbed_rows"]

LOOK_AHEAD = 1000  # lines: no message has so many that all read like rows
CHOOSE = (
    "add --quotes text if such marks are characters of the text, --quotes csv if they "
    "enclose cells"
)


class _Lines:
    """Numbered lines, of which some can be put back."""

    def __init__(self, lines: Iterable[tuple[int, str]]):
        self.rest, self.back = iter(lines), deque()

    def __iter__(self):
        return self

    def __next__(self) -> tuple[int, str]:
        return self.back.popleft() if self.back else next(self.rest)

    def put_back(self, lines: list[tuple[int, str]]) -> None:
        self.back.extendleft(reversed(lines))


def tabbed_rows(
    lines: Iterable[tuple[int, str]], width: int, path: Path
) -> Iterator[Row]:
    """A TSV in which quotes may be text, or enclose cells with tabs and line ends."""
    lines, opened = _Lines(lines), 0
    for number, line in lines:
        cells = cells_of(line, TSV)
        fits = len(cells) == width
        if not fits and opened and not is_blank(cells):
            what = (
                f"a quotation mark opens here, and line {number} is no row of its own"
            )
            raise refusal(
                path, opened, f"{what}: add --quotes csv if marks enclose cells"
            )
        goes_on = not fits and '"' in line
        if fits and _opens(line):  # are the next lines rows themselves?
            block = _until_closed(lines, width)
            lines.put_back(block)
            goes_on = bool(block) and not _is_row(block[0][1], width)
            if not goes_on:
                _refuse_two_readings(
                    number, [line, *(b for _, b in block)], width, path
                )
                opened = number  # taken for text: the rows after it must bear that out
        if goes_on:
            yield _over_lines(number, line, lines, width, path)
        else:
            yield Row(number, cells)


def _until_closed(lines: _Lines, width: int) -> list[tuple[int, str]]:
    """The next lines, to one that may close a quotation mark, or is no row."""
    block = []
    for number, line in islice(lines, LOOK_AHEAD):
        block.append((number, line))
        if line.count('"') % 2 or not _is_row(line, width):
            break
    return block


def _refuse_two_readings(number: int, block: list[str], width: int, path: Path) -> None:
    """Raise SpamftError if lines that are rows could as well be one row."""
    try:
        rows = list(TSV.parse(block))
    except csv.Error:
        return
    if len(rows) == 1 and len(rows[0]) == width:
        what = (
            f"quotation marks may enclose this line to line {number + len(block) - 1}"
        )
        raise refusal(path, number, f"{what}, which read like rows, too: {CHOOSE}")


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
                f"a quotation mark opens here, {inside}: {CHOOSE}",
            )
        block.append(line)
    try:
        return Row(number, next(TSV.parse(block)))
    except csv.Error as error:
        what = f"{error}: add --quotes text if quotation marks are characters"
        raise refusal(path, number, what) from error


def _opens(line: str) -> bool:
    """Whether a cell begins with a quotation mark that the line does not close."""
    cells = line.rstrip(ENDS).split("\t")
    return line.count('"') % 2 == 1 and any(cell.startswith('"') for cell in cells)


def _is_row(line: str, width: int) -> bool:
    return width > 1 and len(line.rstrip(ENDS).split("\t")) == width
