"""A file of messages -> its columns and rows, whatever its format: the one reader.

    with open_table(path) as table:
        for row in table.rows: table.text(row), table.label(row)

Known are the UCI file (no header, one `label<TAB>text` per line), Kaggle's spam.csv,
any CSV or TSV, JSON lines, Parquet, Excel workbooks and fastText's `__label__` lines,
text also in a gz or alone in a zip. Rows are read as they are needed. Nothing is
guessed and nothing dropped: what does not fit raises SpamftError with file and line.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from spamft.plumbing.archive import open_zip
from spamft.plumbing.display import naming
from spamft.plumbing.errors import SpamftError
from spamft.reading.columns import KNOWN_COLUMNS, Columns, Wanted
from spamft.reading.contents import first_bytes, lines_of
from spamft.reading.delimited import (
    Dialect,
    Row,
    cells_of,
    is_blank,
    read_rows,
    refusal,
)
from spamft.reading.kinds import kind_of
from spamft.reading.known import (
    FASTTEXT,
    fasttext_rows,
    is_uci_line,
    kaggle_rows,
    uci_rows,
    unnamed_places,
)
from spamft.reading.layout import Layout
from spamft.reading.records import excel_sheets, json_table, parquet_table

__all__ = ["Table", "is_uci", "open_table"]

DELIMITERS = "\t,;"
# Without a header, by the number of columns
KNOWN_BY_NUMBER = {1: Layout(text="1"), 2: Layout(text="2", label="1")}


@dataclass(frozen=True)
class Table:
    """An open file of messages."""

    names: list[str]  # of the columns
    rows: Iterator[Row]
    columns: Columns
    delimiter: str | None = None  # of a CSV or TSV

    def text(self, row: Row) -> str:
        """The message of a row; of several text columns, with a blank between them."""
        return " ".join(row.cells[place] for place in self.columns.texts)

    def label(self, row: Row) -> str:
        """The label of a row."""
        return row.cells[self.columns.label]


@contextmanager
def open_table(
    path: Path,
    layout: Layout = Layout(),  # noqa: B008, it is frozen
    *,
    with_label: bool = True,
) -> Iterator[Table]:
    """The columns of a file, and its rows as they are needed.

    `with_label=False` asks for a text column only. Raises SpamftError, also in the
    block.
    """
    wanted = Wanted(path, layout, with_label)
    with naming(path), closing(_open(wanted)) as steps:
        yield next(steps)


def is_uci(path: Path, layout: Layout = Layout()) -> bool:  # noqa: B008
    """Whether the file has no header, and begins with `ham<TAB>` or `spam<TAB>`."""
    return _kind(path) == "text" and is_uci_line(_unnamed_first_line(path, layout))


def _open(wanted: Wanted) -> Iterator[Table]:
    path, encoding, kind = wanted.path, wanted.layout.encoding, _kind(wanted.path)
    if kind == "parquet":
        yield _of_records(wanted, *parquet_table(path))
    elif kind == "excel":
        yield _of_workbook(wanted)
    elif kind == "json":
        yield _of_records(wanted, *json_table(path, encoding))
    else:
        first = _unnamed_first_line(path, wanted.layout)
        rows_of = {
            first.startswith(FASTTEXT): fasttext_rows,
            is_uci_line(first): uci_rows,
        }.get(True)
        # in these two, only a line feed ends a line: some messages hold other ends
        with lines_of(path, encoding, "\n" if rows_of else "") as lines:
            if rows_of:
                yield Table(["Label", "Text"], rows_of(lines, path), Columns((1,), 0))
            else:
                yield _of_lines(wanted, enumerate(lines, start=1))


def _kind(path: Path) -> str:
    """ "parquet", "excel", "json" or "text"."""
    with path.open("rb") as file:
        kind = kind_of(file.read(8))
    if kind == "parquet":
        return kind
    if kind == "zip" and zipfile.is_zipfile(path):
        with open_zip(path) as file:
            if "xl/workbook.xml" in file.namelist():
                return "excel"
    first = first_bytes(path)
    if kind != "text" and kind_of(first) != "text":
        raise SpamftError(f"{path} is packed twice: unpack it once")
    begin = first.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if not begin:
        raise SpamftError(f"{path} is empty: expected one message per line")
    return "json" if re.match(rb"\{\s*[\"}]|\[\s*[{\]]", begin) else "text"


def _unnamed_first_line(path: Path, layout: Layout) -> str:
    """The first line of a text file, or "" if the layout says what it is."""
    if layout.texts or layout.label or layout.no_header:
        return ""
    with lines_of(path, layout.encoding, "\n") as lines:
        return next(lines, "")


def _of_lines(wanted: Wanted, lines: Iterator[tuple[int, str]]) -> Table:
    """A CSV or TSV, from its numbered lines."""
    path, delimiters = wanted.path, DELIMITERS
    number, line = _first_line(lines, path)
    if marked := re.fullmatch(r"sep=(.)", line.strip("\r\n"), re.IGNORECASE):
        delimiters = marked[1]  # as Excel marks it
        number, line = _first_line(lines, path)
    dialects = [_dialect(line, each, wanted.layout) for each in delimiters]
    best = max(dialects, key=lambda dialect: line.count(dialect.delimiter))
    if wanted.layout.no_header:
        return _without_header(wanted, chain([(number, line)], lines), best)
    for dialect in dialects:
        names = cells_of(line, dialect)
        if names and (found := wanted.find(names)):
            break
    else:
        names = cells_of(line, best) or [line.rstrip("\r\n")]
        some = [cells_of(each, best) or [] for _, each in islice(lines, 100)]
        raise wanted.refusal(names, some)
    if names[:2] == list(KNOWN_COLUMNS[1]) and (places := unnamed_places(names)):
        rows = kaggle_rows(lines, len(names), places, path)
    else:
        rows = read_rows(lines, dialect, len(names), path)
    return Table(names, _not_none(rows, path), found, dialect.delimiter)


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


def _without_header(
    wanted: Wanted, lines: Iterator[tuple[int, str]], dialect: Dialect
) -> Table:
    """Columns by number; of two, the first is the label's, as in the UCI file."""
    layout = wanted.layout
    number, line = next(lines)
    width = line.count("\t") + 1 if dialect.delimiter == "\t" else None
    lines = chain([(number, line)], lines)
    rows = read_rows(lines, dialect, width, wanted.path)
    first = next(rows, Row(number, []))
    names = [str(place) for place in range(1, len(first.cells) + 1)]
    usual = KNOWN_BY_NUMBER.get(len(names), Layout())
    asked = replace(
        layout, text=layout.text or usual.text, label=layout.label or usual.label
    )
    found = replace(wanted, layout=asked).find(names)
    if found is None:
        options = "--text NUMBER" + " --label NUMBER" * wanted.with_label
        what = f"columns go by number here: add {options}, of {first.cells}"
        raise refusal(wanted.path, number, what)
    return Table(names, chain([first], rows), found, dialect.delimiter)


def _of_records(wanted: Wanted, names: list[str], rows: Iterator[Row]) -> Table:
    """Of a file whose format names its columns."""
    if wanted.layout.no_header:
        raise SpamftError("the file names its columns itself: leave out --no-header")
    found = wanted.find(names)
    if found is None:
        raise wanted.refusal(names, [row.cells for row in islice(rows, 100)])
    return Table(names, _not_none(rows, wanted.path), found)


def _of_workbook(wanted: Wanted) -> Table:
    """Of the one sheet of a workbook that has the columns."""
    sheets = []
    for _, cells in excel_sheets(wanted.path):
        numbered = (Row(*pair) for pair in enumerate(cells, start=1))
        rows = (row for row in numbered if not is_blank(row.cells))
        if header := next(rows, None):
            sheets.append((header.cells, rows))
    if not sheets:
        raise SpamftError("the workbook is empty: expected one message per row")
    fitting = [sheet for sheet in sheets if wanted.find(sheet[0])]
    if len(fitting) > 1:
        raise SpamftError(
            f"{len(fitting)} sheets have such columns: save one of them as CSV"
        )
    return _of_records(wanted, *(fitting or sheets)[0])


def _not_none(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    """The rows. Raises SpamftError if there is none."""
    first = next(rows, None)
    if first is None:
        raise SpamftError(f"{path} contains a header but no messages")
    yield first
    yield from rows
