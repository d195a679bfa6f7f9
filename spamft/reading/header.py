"""The first lines of a CSV or TSV -> its columns and rows, or a way out."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.reading.columns import Table, Wanted, table_of
from spamft.reading.delimited import Dialect, Row, cells_of, refusal
from spamft.reading.known import is_kaggle, kaggle_rows
from spamft.reading.layout import Layout
from spamft.reading.rows import read_rows

__all__ = ["table_of_lines"]

DELIMITERS = "\t,;|"
# Without a header, by the number of columns
KNOWN_BY_NUMBER = {1: Layout(text="1"), 2: Layout(text="2", label="1")}


def table_of_lines(wanted: Wanted, lines: Iterator[tuple[int, str]]) -> Table:
    """A CSV or TSV, from its numbered lines."""
    path, delimiters = wanted.path, DELIMITERS
    number, line = _first_line(lines, path)
    if marked := re.fullmatch(r"sep=(.)", line.strip("\r\n"), re.IGNORECASE):
        delimiters = marked[1]  # as Excel marks it
        number, line = _first_line(lines, path)
    if wanted.layout.no_header:
        some = [(number, line), *islice(lines, 100)]
        dialect = _fitting([line for _, line in some], delimiters, wanted)
        return _without_header(wanted, chain(some, lines), dialect)
    if line.count('"') % 2 and wanted.layout.quotes != "text":
        what = "the header opens a quotation mark that its line does not close"
        raise refusal(path, number, f"{what}: {brief(line, 80)!r}: rename the column")
    dialects = [_dialect(line, each, wanted.layout) for each in delimiters]
    for dialect in dialects:
        names = cells_of(line, dialect)
        if names and (found := wanted.find(names)):
            break
    else:
        raise _no_columns(wanted, line, list(islice(lines, 100)), dialects)
    if is_kaggle(names):
        rows = kaggle_rows(lines, names, path)
    else:
        rows = read_rows(lines, dialect, len(names), path)
    return table_of(path, names, rows, found, dialect.delimiter)


def _no_columns(
    wanted: Wanted,
    line: str,
    some: list[tuple[int, str]],
    dialects: list[Dialect],
) -> SpamftError:
    """The error for a first line that does not name the columns."""
    for number, later in some:
        if any(wanted.find(cells_of(later, each) or []) for each in dialects):
            what = f"the header stands in line {number}: remove what is above it"
            return refusal(wanted.path, number, what)
    best = max(dialects, key=lambda dialect: line.count(dialect.delimiter))
    names = cells_of(line, best) or [line.rstrip("\r\n")]
    return wanted.refusal(names, [cells_of(each, best) or [] for _, each in some])


def _dialect(line: str, delimiter: str, layout: Layout) -> Dialect:
    """A header such as `label, text` tells that a blank follows each delimiter."""
    count = line.count(delimiter)
    blank = count > 0 and delimiter != "\t" and line.count(f"{delimiter} ") == count
    return Dialect(delimiter, layout.quotes, blank)


def _first_line(lines: Iterator[tuple[int, str]], path: Path) -> tuple[int, str]:
    for number, line in lines:
        if line.strip():
            return number, line
    raise SpamftError(f"{path} is empty: expected one message per line")


def _fitting(lines: list[str], delimiters: str, wanted: Wanted) -> Dialect:
    """The dialect in which most of the first lines have as many cells, and more than
    one. Raises SpamftError if there are two such; a tab is none that texts have."""
    fits = {}
    for dialect in [_dialect(lines[0], each, wanted.layout) for each in delimiters]:
        widths = Counter(
            len(cells_of(line, dialect) or line.split(dialect.delimiter))
            for line in lines
        )
        most = max((n for width, n in widths.items() if width > 1), default=0)
        fits[dialect] = most if 2 * most > len(lines) else 0
    if len(fits) == 1:
        return dialect
    best = max(fits, key=fits.get)
    if best.delimiter != "\t" and (most := fits[best]):
        also = [each.delimiter for each, n in fits.items() if n == most]
        if len(also) > 1:
            raise SpamftError(
                f"{' and '.join(map(repr, also))} cut the lines equally well: put a "
                f"line sep={also[0]} above them, with the one that is meant"
            )
    return best


def _without_header(
    wanted: Wanted, lines: Iterator[tuple[int, str]], dialect: Dialect
) -> Table:
    """Columns by number; of two, the first is the label's, as in the UCI file."""
    layout = wanted.layout
    number, line = next(lines)
    width = len(cells_of(line, dialect)) if dialect.marks_may_be_text else None
    lines = chain([(number, line)], lines)
    rows = read_rows(lines, dialect, width, wanted.path)
    first = next(rows, Row(number, []))
    if replace(wanted, layout=Layout()).find(first.cells):
        raise refusal(wanted.path, number, "this is a header: leave out --no-header")
    names = [str(place) for place in range(1, len(first.cells) + 1)]
    usual = KNOWN_BY_NUMBER.get(len(names), Layout())
    asked = replace(
        layout, text=layout.text or usual.text, label=layout.label or usual.label
    )
    found = replace(wanted, layout=asked).find(names)
    if found is None:
        options = "--text NUMBER" + " --label NUMBER" * wanted.with_label
        what = (
            f"columns go by number here: add {options}, of {brief(first.cells, 80)}, "
            "or put a line such as sep=; above them if they are cut wrongly"
        )
        raise refusal(wanted.path, number, what)
    return Table(names, chain([first], rows), found, dialect.delimiter)
