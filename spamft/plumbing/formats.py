"""A file of messages -> (label, text) pairs, whatever its layout.

Known are the UCI file (no header, one `label<TAB>text` per line, quotes are text), the
Kaggle spam.csv, and any CSV or TSV in UTF-8 with a header. Nothing is guessed and
nothing dropped: what does not fit raises SpamftError with file and line.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = ["UCI_LABELS", "has_header", "read_pairs", "stream_rows"]

UCI_LABELS = ("ham", "spam")
KAGGLE_HEADER = "v1,v2,"  # of the copy named spam.csv
# Names of the label and the text column that are known without being told
KNOWN_COLUMNS = (("Label", "Text"), ("label", "text"), ("v1", "v2"))

_FIRST = re.compile(r"[^\n]*")
# A line with its end, which inside quotes is part of the text
_LINE = re.compile(r"[^\r\n]+(?:\r\n?|\n|\Z)|\r\n?|\n")


def read_pairs(
    path: Path, text: str | None = None, label: str | None = None
) -> list[tuple[str, str]]:
    """Every (label, text) of the file; `text` and `label` name columns of a header."""
    raw = path.read_bytes()
    if not raw or raw.isspace():
        raise SpamftError(f"{path} is empty: expected one message per line")
    content = _decode(raw, path)
    del raw  # a file may be large: hold it once
    header = _FIRST.match(content).group().rstrip("\r")
    if columns := _find_columns(header, text, label):
        limit = csv.field_size_limit(len(content) + 1)  # a message may be any length
        try:
            pairs = list(_read_table(content, *columns, path))
        finally:
            csv.field_size_limit(limit)
        if not pairs:
            raise SpamftError(f"{path} contains a header but no messages")
        return pairs
    if text or label or "\t" not in header:
        raise _refusal(
            path,
            1,
            f"expected columns {label or 'Label'!r} and {text or 'Text'!r} "
            f"in the header or `ham<TAB>message`, found {header[:80]!r}",
        )
    return list(_read_lines(content, path))


def has_header(path: Path, text: str | None = None, label: str | None = None) -> bool:
    """Whether the first line names a text and a label column."""
    with path.open("rb") as file:
        header = file.readline().decode("utf-8-sig", errors="replace").rstrip("\r\n")
    return _find_columns(header, text, label) is not None


def stream_rows(path: Path, text: str) -> tuple[list[str], int, Iterator[list[str]]]:
    """(header, place of the column `text`, the rows) of a CSV or TSV.

    One row is in memory at a time, so that files of any size can be read.
    """
    rows = _stream(path, text)
    header, place = next(rows)
    return header, place, rows


def _stream(path: Path, text: str) -> Iterator:
    """First (header, place of `text`), then every row."""
    line = 1  # where the row starts: it may span several
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline().rstrip("\r\n")
            delimiter = max("\t,;", key=header.count)
            names = _cells(header, delimiter)
            if text not in names:
                raise SpamftError(
                    f"expected a column {text!r} in the header, found {header[:80]!r}"
                )
            yield names, names.index(text)
            line = 2
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for row in reader:
                if row and len(row) != len(names):
                    raise SpamftError(_wrong_width(len(names), row, delimiter))
                if row:  # an empty line is no row
                    yield row
                line = reader.line_num + 2
    except UnicodeDecodeError as error:
        raise SpamftError(
            f"{path}:{line} or after: {error.reason}, the file is not UTF-8; "
            "save it as UTF-8 first"
        ) from None
    except (csv.Error, ValueError) as error:
        raise _refusal(path, line, error) from None


def _decode(raw: bytes, path: Path) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if raw.startswith(KAGGLE_HEADER.encode()):  # this copy is known to be latin-1
            return raw.decode("latin-1")
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpamftError(
            f"{path}:{line}: byte {raw[error.start]:#04x} is not UTF-8; "
            "save the file as UTF-8 first"
        ) from None


def _find_columns(
    header: str, text: str | None, label: str | None
) -> tuple[str, int, int] | None:
    """(delimiter, place of the label, place of the text), or None: no such header."""
    if not (text or label) and header.split("\t")[0] in UCI_LABELS:
        return None  # a message already, whatever it says
    for delimiter in "\t,;":
        try:
            names = _cells(header, delimiter)
        except csv.Error:  # not a header, or not of this delimiter
            continue
        for known_label, known_text in KNOWN_COLUMNS:
            wanted = (label or known_label, text or known_text)
            if wanted[0] in names and wanted[1] in names:
                return delimiter, names.index(wanted[0]), names.index(wanted[1])
    return None


def _cells(header: str, delimiter: str) -> list[str]:
    """The cells of a header, which is one line and closes what it quotes."""
    return next(csv.reader([header], delimiter=delimiter, strict=True), [])


def _read_table(
    content: str, delimiter: str, label_at: int, text_at: int, path: Path
) -> Iterator[tuple[str, str]]:
    kaggle = content.startswith(KAGGLE_HEADER) and (label_at, text_at) == (0, 1)
    lines = (line.group() for line in _LINE.finditer(content))
    # Kaggle's copy escapes quotes in two ways at once, which is not strictly CSV
    reader = csv.reader(lines, delimiter=delimiter, strict=not kaggle)
    line = 1  # where the row starts: it may span several
    try:
        width = len(next(reader))
        line = reader.line_num + 1
        for row in reader:
            if row and len(row) != width and not (kaggle and len(row) > 1):
                raise SpamftError(_wrong_width(width, row, delimiter))
            if (
                row and kaggle
            ):  # texts that it broke at commas go on in the nameless columns
                cells = row[1:]
                while len(cells) > 1 and not cells[-1]:
                    cells.pop()
                row = [row[0], ",".join(cells)]
            if row:  # an empty line is no row
                if not row[label_at]:
                    raise SpamftError("expected a label, found an empty one")
                yield row[label_at], row[text_at]
            line = reader.line_num + 1
    except (csv.Error, ValueError) as error:
        raise _refusal(path, line, error) from None


def _read_lines(content: str, path: Path) -> Iterator[tuple[str, str]]:
    """UCI's layout. Split at \\n only: some messages hold other line separators."""
    for number, line in enumerate(content.removesuffix("\n").split("\n"), start=1):
        label, tab, text = line.removesuffix("\r").partition("\t")
        if not tab:
            raise _refusal(path, number, f"expected a tab in {line[:80]!r}")
        if label not in UCI_LABELS:
            what = f"unknown label {label[:80]!r}, expected ham or spam"
            raise _refusal(path, number, what)
        yield label, text


def _refusal(path: Path, line: int, what: object) -> SpamftError:
    """The error for a line of a file, however long or odd what it quotes is."""
    return SpamftError(f"{path}:{line}: {brief(what)}")


def _wrong_width(width: int, row: list[str], delimiter: str) -> str:
    return (
        f"expected {width} columns, found {len(row)} "
        f"(a text with {delimiter!r} in it needs quotes)"
    )
