"""JSON, Parquet and Excel -> names of columns, and rows.

What is no text becomes one: numbers as they are written, true and false, lists and
objects as JSON, a missing value as nothing.
"""

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spamft.plumbing.archive import open_zip
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import reason
from spamft.reading.contents import ANY_CASE, MOST_TIMES, lines_of
from spamft.reading.delimited import Row, refusal

__all__ = ["excel_sheets", "json_table", "parquet_table"]

Rows = Iterator[Row]
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # of a pair, which may lack the other one
CHUNK, FEW_ROWS = 1024, 2**22  # rows: of a batch, and allowed in any case
EXACT = 2**53  # floats below it that are whole are no rounded ones


def json_table(path: Path, encoding: str | None) -> tuple[list[str], Rows]:
    """(names, rows) of a file with a JSON object per line, or one JSON array of them.

    The names are those of all objects, in the order of their first appearance.
    """
    names: dict[str, None] = {}
    for line, record in _records(path, encoding):
        if (
            not names
            and record
            and all(isinstance(v, (dict, list)) for v in record.values())
        ):
            what = "expected an object for each message, found columns or nested ones"
            way_out = "in pandas, df.to_json(path, orient='records', lines=True)"
            raise refusal(path, line, f"{what}: {way_out}")
        names.update(dict.fromkeys(record))
    rows = (
        Row(line, [_as_text(record.get(name)) for name in names])
        for line, record in _records(path, encoding)
    )
    return list(names), rows


def _records(path: Path, encoding: str | None) -> Iterator[tuple[int, dict]]:
    with lines_of(path, encoding) as lines:
        begun = False
        for number, line in enumerate(lines, start=1):
            if not line.strip("\ufeff \t\r\n"):
                continue
            if not begun and line.lstrip().startswith("["):
                whole = line + "".join(lines)
                yield from enumerate(_parsed(whole, path, 1, list), start=1)
                return
            begun = True
            yield number, _parsed(line, path, number, dict)


def _parsed(text: str, path: Path, line: int, kind: type) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_object)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        what = f"not one JSON object per line: {reason(error)}"
        raise refusal(
            path, line, f"{what}; if this is a CSV, give it a header"
        ) from error
    for each in value if kind is list else [value]:
        if not isinstance(each, dict):
            what = (
                f"expected JSON objects such as {{'label': 'a'}}, found {text[:60]!r}"
            )
            raise refusal(path, line, what)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(
            f"a name stands twice among {brief([n for n, _ in pairs], 60)}"
        )
    return found


def parquet_table(path: Path) -> tuple[list[str], Rows]:
    """(names, rows) of a Parquet file. Needs pyarrow."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise _missing(path, "Parquet", "pyarrow") from error
    with _foreign(path, "Parquet"):
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names
        _check_count(path, file.metadata.num_rows)

    def rows() -> Rows:
        number = size = 0
        with _foreign(path, "Parquet"), file:
            for batch in file.iter_batches(batch_size=CHUNK):
                size += batch.nbytes
                _check_size(path, size)
                # by place, not by name: a name may stand twice
                columns = [column.to_pylist() for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield Row(number, [_as_text(value) for value in values])

    return names, rows()


def excel_sheets(path: Path) -> list[list[Row]]:
    """The rows of each sheet with cells, those of empty ones left out. Needs openpyxl.

    Cells of a column without cells above it are kept: rows of a sheet have one width.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise _missing(path, "Excel workbooks", "openpyxl") from error
    with open_zip(path) as file:  # Python unpacks no more of it than it claims to hold
        _check_size(path, sum(each.file_size for each in file.infolist()))
        formulas = any(
            b"<f" in file.read(each)
            for each in file.infolist()
            if each.filename.startswith("xl/worksheets/")
        )
    with _foreign(path, "an Excel workbook"), path.open("rb") as stream:
        books = [openpyxl.load_workbook(stream, read_only=True, data_only=True)]
        # a formula that no Excel ever computed has no value: then it is the text
        if formulas:
            books.append(openpyxl.load_workbook(stream, read_only=True))
        sheets = [
            _sheet_rows(same)
            for same in zip(*(book.worksheets for book in books), strict=True)
        ]
    return [rows for rows in sheets if rows]


def _sheet_rows(same: tuple) -> list[Row]:
    """The rows of a sheet with a cell that is not empty, all of one width.

    `same` is the sheet with its values, and perhaps once more with its formulas.
    """
    for sheet in same:
        sheet.reset_dimensions()  # what it claims of its own size may be wrong
    rows = []
    both = zip(*(sheet.iter_rows(values_only=True) for sheet in same), strict=True)
    for number, cells in enumerate(both, start=1):
        values = [
            _as_text(a if a is not None else b)
            for a, b in zip(cells[0], cells[-1], strict=True)
        ]
        while values and not values[-1].strip():
            values.pop()
        if values:
            rows.append(Row(number, values))
    width = max((len(row.cells) for row in rows), default=0)
    return [Row(row.line, row.cells + [""] * (width - len(row.cells))) for row in rows]


def _check_size(path: Path, size: int) -> None:
    if size > max(ANY_CASE, MOST_TIMES * path.stat().st_size):
        raise SpamftError(f"{path} unpacks to over {size:,} bytes: save it as CSV")


def _check_count(path: Path, rows: int) -> None:
    """A few bytes of Parquet can say that a row is there a billion times."""
    if rows > max(FEW_ROWS, MOST_TIMES * path.stat().st_size):
        raise SpamftError(f"{path} claims to hold {rows:,} rows: save it as CSV")


def _as_text(value: Any) -> str:
    if value is None or value != value:  # NaN, which pandas writes for nothing
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))  # Excel and pandas have 1.0 where a person wrote 1
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _missing(path: Path, what: str, package: str) -> SpamftError:
    return SpamftError(
        f"{path}: to read {what}, install {package}: pip install 'spamft[tables]'"
    )


class _foreign:
    """What another library raises in this block becomes one line about the file."""

    def __init__(self, path: Path, what: str):
        self.path, self.what = path, what

    def __enter__(self):
        self.warnings = warnings.catch_warnings()
        self.warnings.__enter__()
        warnings.simplefilter("ignore")  # they are never about cells
        return self

    def __exit__(self, kind, error, trace):
        self.warnings.__exit__(kind, error, trace)
        if isinstance(error, Exception) and not isinstance(error, SpamftError):
            raise SpamftError(
                f"{self.path} cannot be read as {self.what}: {reason(error)}"
            ) from error
