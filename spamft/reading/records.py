"""JSON, Parquet and Excel -> names of columns, and rows.

What is no text becomes one: numbers as they are written, true and false, lists and
objects as JSON, a missing value as nothing.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spamft.plumbing.archive import open_zip
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import reason
from spamft.reading.contents import ANY_CASE, MOST_TIMES, lines_of
from spamft.reading.delimited import Row, refusal

__all__ = ["excel_sheets", "json_table", "parquet_table"]

Rows = Iterator[Row]


def json_table(path: Path, encoding: str | None) -> tuple[list[str], Rows]:
    """(names, rows) of a file with a JSON object per line, or one JSON array of them.

    The names are those of all objects, in the order of their first appearance.
    """
    names: dict[str, None] = {}
    for _, record in _records(path, encoding):
        names.update(dict.fromkeys(record))
    rows = (
        Row(line, [_as_text(record.get(name)) for name in names])
        for line, record in _records(path, encoding)
    )
    return list(names), rows


def _records(path: Path, encoding: str | None) -> Iterator[tuple[int, dict]]:
    with lines_of(path, encoding) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            if number == 1 and line.lstrip().startswith("["):
                whole = line + "".join(lines)
                yield from enumerate(_parsed(whole, path, 1, list), start=1)
                return
            yield number, _parsed(line, path, number, dict)


def _parsed(text: str, path: Path, line: int, kind: type) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        what = f"not one JSON object per line: {reason(error)}"
        raise refusal(path, line, what) from error
    for each in value if kind is list else [value]:
        if not isinstance(each, dict):
            what = (
                f"expected JSON objects such as {{'label': 'a'}}, found {text[:60]!r}"
            )
            raise refusal(path, line, what)
    return value


def parquet_table(path: Path) -> tuple[list[str], Rows]:
    """(names, rows) of a Parquet file. Needs pyarrow."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise _missing(path, "Parquet", "pyarrow") from error
    with _foreign(path, "Parquet"):
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names

    def rows() -> Rows:
        number = 0
        with _foreign(path, "Parquet"), file:
            for batch in file.iter_batches(batch_size=1024):
                # by place, not by name: a name may stand twice
                columns = [column.to_pylist() for column in batch.columns]
                for values in zip(*columns, strict=True):
                    number += 1
                    yield Row(number, [_as_text(value) for value in values])

    return names, rows()


def excel_sheets(path: Path) -> Iterator[tuple[str, Iterable[list[str]]]]:
    """(name, rows of cells) of each sheet with cells. Needs openpyxl."""
    try:
        import openpyxl
    except ImportError as error:
        raise _missing(path, "Excel workbooks", "openpyxl") from error
    _check_size(path)
    with _foreign(path, "an Excel workbook"):
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        for sheet in book.worksheets:
            rows = sheet.iter_rows(values_only=True)
            yield sheet.title, ([_as_text(v) for v in row] for row in rows)


def _check_size(path: Path) -> None:
    """A workbook is a zip: Python unpacks no more of it than it claims to hold."""
    with open_zip(path) as file:
        size = sum(each.file_size for each in file.infolist())
    if size > max(ANY_CASE, MOST_TIMES * path.stat().st_size):
        raise SpamftError(f"{path} unpacks to {size:,} bytes: save the sheet as CSV")


def _as_text(value: Any) -> str:
    if value is None or value != value:  # NaN, which pandas writes for nothing
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Excel and pandas have 1.0 where a person wrote 1
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
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, Exception) and not isinstance(error, SpamftError):
            raise SpamftError(
                f"{self.path} cannot be read as {self.what}: {reason(error)}"
            ) from error
