"""A file of messages -> its columns and rows, whatever its format: the one reader.

    with open_table(path) as table:
        for row in table.rows: table.text(row), table.label(row)

Known are the UCI file (no header, one `label<TAB>text` per line), Kaggle's spam.csv,
any CSV or TSV, JSON lines, Parquet, Excel workbooks and fastText's `__label__` lines,
text also in a gz or alone in a zip. Rows are read as they are needed, but a workbook's
sheet at once. Nothing is guessed and nothing dropped: what does not fit raises
SpamftError with file and line.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

from spamft.plumbing.archive import open_zip
from spamft.plumbing.display import naming
from spamft.plumbing.errors import SpamftError
from spamft.reading.columns import Columns, Table, Wanted, table_of
from spamft.reading.contents import first_bytes, lines_of
from spamft.reading.delimited import Row
from spamft.reading.header import table_of_lines
from spamft.reading.kinds import kind_of
from spamft.reading.known import FASTTEXT, fasttext_rows, is_uci_line, uci_rows
from spamft.reading.layout import Layout
from spamft.reading.records import excel_sheets, json_table, parquet_table

__all__ = ["Table", "is_uci", "open_table"]


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
                yield table_of_lines(wanted, enumerate(lines, start=1))


def _kind(path: Path) -> str:
    """ "parquet", "excel", "json" or "text"."""
    if path.exists() and not path.is_file():  # a pipe can be read only once
        raise SpamftError(f"{path} is no ordinary file: save what it holds in one")
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
        return next((line for line in lines if line.strip()), "")


def _of_records(wanted: Wanted, names: list[str], rows: Iterator[Row]) -> Table:
    """Of a file whose format names its columns."""
    if wanted.layout.no_header:
        raise SpamftError("the file names its columns itself: leave out --no-header")
    found = wanted.find(names)
    if found is None:
        some = list(islice(rows, 100))
        if header := next((row for row in some if wanted.find(row.cells)), None):
            what = f"the header stands in row {header.line}: remove what is above it"
            raise SpamftError(what)
        raise wanted.refusal(names, [row.cells for row in some], may_lack_header=False)
    return table_of(wanted.path, names, rows, found)


def _of_workbook(wanted: Wanted) -> Table:
    """Of the one sheet of a workbook that has the columns."""
    if wanted.layout.no_header:
        raise SpamftError("the first row must name the columns: insert one that does")
    sheets = list(excel_sheets(wanted.path))
    if not sheets:
        raise SpamftError("the workbook is empty: expected one message per row")
    fitting = [sheet for sheet in sheets if wanted.find(sheet[0].cells)]
    if len(fitting) > 1:
        raise SpamftError(
            f"{len(fitting)} sheets have such columns: save one of them as CSV"
        )
    header, *rows = (fitting or sheets)[0]
    return _of_records(wanted, header.cells, iter(rows))
