"""A file of labelled messages -> (label, text) pairs, none lost and none swallowed."""

import sys
from collections.abc import Sequence
from pathlib import Path

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.reading.delimited import Dialect, Row, cells_of, refusal
from spamft.reading.layout import Layout
from spamft.reading.table import Table, open_table

__all__ = ["read_pairs"]

BLANKS = " \t\r\n\ufeff"  # the last is the mark of UTF-8, inside where files are joined


def read_pairs(
    path: Path,
    layout: Layout = Layout(),  # noqa: B008, it is frozen
) -> list[tuple[str, str]]:
    """Every (label, text) of the file, in its order.

    Raises SpamftError for a line that repeats the header, and for a text that holds a
    line which itself reads as a row: a quotation mark swallowed it.
    """
    pairs, headers, long = [], [], []
    with open_table(path, layout) as table:
        header = _folded(table.names)
        for row in table.rows:
            # of the few labels each is kept once
            label, text = sys.intern(table.label(row)), table.text(row)
            pairs.append((label, text))
            if (
                label.strip(BLANKS).casefold() in header
                and _folded(row.cells) == header
            ):
                headers.append(row.line)
            if "\n" in text:
                long.append(row)
    _check_header(path, headers)
    if table.delimiter and layout.quotes is None:
        _check_swallowed(path, table, long, {label for label, _ in pairs})
    return pairs


def _folded(cells: Sequence[str]) -> list[str]:
    """Cells as they compare: files are joined whose headers differ in this only."""
    return sorted(cell.strip(BLANKS).casefold() for cell in cells)


def _check_header(path: Path, again: Sequence[int]) -> None:
    if again:
        which = brief(", ".join(map(str, again)), 80)
        what = f"the header is repeated here ({len(again)} such: {which})"
        raise refusal(path, again[0], f"{what}: remove the line")


def _check_swallowed(
    path: Path, table: Table, rows: Sequence[Row], labels: set[str]
) -> None:
    """Refuse a text with a line inside that has as many cells, and a known label."""
    dialect, width = Dialect(table.delimiter), len(table.names)
    for row in rows:
        for line in table.text(row).split("\n")[1:]:
            cells = cells_of(line, dialect)
            if cells and len(cells) == width and cells[table.columns.label] in labels:
                raise SpamftError(
                    f"{path}:{row.line}: a quotation mark opens here, and the text "
                    f"holds {brief(repr(line), 60)}, which reads like a row: add "
                    "--quotes text if such marks are characters of the text, --quotes "
                    "csv if the message holds that line"
                )
