"""Lines -> the rows of a CSV or TSV, each with the number of its first line."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from spamft.reading.delimited import Dialect, Row, cells_of, is_blank, refusal
from spamft.reading.tabbed import tabbed_rows

__all__ = ["read_rows"]


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
    # `""`, as pandas writes an empty text where there is no other column
    enclosed = width == 1 and dialect.quotes != "text"
    if dialect.quotes == "text":
        rows = (Row(number, cells_of(line, dialect)) for number, line in lines)
    elif dialect.marks_may_be_text:
        rows = tabbed_rows(lines, width, path)
    else:
        rows = _quoted(lines, dialect, path)
    for row in rows:
        if is_blank(row.cells) and not (enclosed and row.cells == [""]):
            continue
        width = width or len(row.cells)
        if len(row.cells) != width:
            what = f"expected {width} columns, found {len(row.cells)} "
            odd = dialect.delimiter if len(row.cells) > width else "\n"
            what += f"(a text with {odd!r} in it needs quotes)"
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
        what = f"{error}: add --quotes text if quotation marks are characters"
        raise refusal(path, begins, what) from error
