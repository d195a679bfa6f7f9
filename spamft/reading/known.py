"""Three layouts that are known by their first line: UCI's, fastText's, and Kaggle's."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from spamft.plumbing.display import brief
from spamft.reading.delimited import Row, is_blank, refusal

__all__ = [
    "FASTTEXT",
    "UCI_LABELS",
    "fasttext_rows",
    "is_kaggle",
    "is_uci_line",
    "kaggle_rows",
    "uci_rows",
    "whole_texts",
]

UCI_LABELS = ("ham", "spam")
FASTTEXT = "__label__"
_UNNAMED = re.compile(r"(Unnamed: \d+)?")  # as pandas names a column without a name


def is_uci_line(line: str) -> bool:
    """Whether this is `ham<TAB>...` or `spam<TAB>...`."""
    label, tab, _ = line.partition("\t")
    return bool(tab) and label.strip().casefold() in UCI_LABELS


def uci_rows(lines: Iterator[str], path: Path) -> Iterator[Row]:
    """The SMS Spam Collection's: `label<TAB>text`, quotation marks are text."""
    for number, line in enumerate(lines, start=1):
        label, tab, text = line.removesuffix("\n").removesuffix("\r").partition("\t")
        if not tab and not label.strip():
            continue
        if not tab:
            raise refusal(path, number, f"expected a tab in {label[:80]!r}")
        if label.strip().casefold() not in UCI_LABELS:
            what = f"unknown label {label[:80]!r}, expected ham or spam"
            raise refusal(
                path,
                number,
                f"{what}; --no-header takes any labels, --text and --label a header",
            )
        if any(map(is_uci_line, text.split("\r")[1:])):
            what = "a carriage return ends each message, as on an old Mac"
            raise refusal(path, number, f"{what}: add --no-header")
        yield Row(number, [label, text])


def fasttext_rows(lines: Iterator[str], path: Path) -> Iterator[Row]:
    """fastText's: `__label__NAME text`."""
    for number, line in enumerate(lines, start=1):
        label, _, text = line.strip("\r\n").replace("\t", " ", 1).partition(" ")
        if not label and not text.strip():
            continue
        if not label.startswith(FASTTEXT):
            what = f"expected {FASTTEXT}NAME and a text, found {line[:80]!r}"
            raise refusal(path, number, what)
        if text.startswith(FASTTEXT):
            what = f"two labels, {line[:80]!r}: spamft knows one label per message"
            raise refusal(path, number, what)
        yield Row(number, [label.removeprefix(FASTTEXT), text])


def is_kaggle(names: Sequence[str]) -> bool:
    """Whether these columns are v1 and v2, and then some without a name."""
    folded = [name.strip().casefold() for name in names]
    at = folded.index("v1") if "v1" in folded else 0
    return folded[at : at + 2] == ["v1", "v2"] and bool(_unnamed_after(at + 1, names))


def kaggle_rows(
    lines: Iterator[tuple[int, str]], names: Sequence[str], path: Path
) -> Iterator[Row]:
    """Those of the spam.csv that broke its texts at commas, perhaps at more of them
    than the header has columns for."""
    begins, width = 0, len(names)

    def feed() -> Iterator[str]:
        nonlocal begins
        for number, line in lines:
            begins = begins or number
            yield line

    # it escapes quotes in two ways at once, which is not strictly CSV
    for cells in csv.reader(feed(), strict=False):
        line, begins = begins, 0
        if is_blank(cells):
            continue
        while len(cells) > width and not cells[-1]:
            cells.pop()
        if len(cells) > width and _UNNAMED.fullmatch(names[-1].strip()):
            cells[width - 1 :] = [",".join(cells[width - 1 :])]
        if not 1 < len(cells) <= width:
            raise refusal(path, line, f"expected {width} columns, found {len(cells)}")
        yield Row(line, cells + [""] * (width - len(cells)))


def whole_texts(
    rows: Iterator[Row], names: Sequence[str], text_at: int, path: Path
) -> Iterator[Row]:
    """The rows, with what stands in the columns without a name behind the text put back
    at its end, if this is Kaggle's. Raises SpamftError if another table has it."""
    unnamed, kaggle = _unnamed_after(text_at, names), is_kaggle(names)
    for row in rows:
        rest = [row.cells[place] for place in unnamed]
        if not any(rest):
            yield row
            continue
        if not kaggle:
            what = (
                f"{brief(rest, 60)} stands in a column without a name, after the text"
            )
            raise refusal(path, row.line, f"{what}: name it, or quote the whole text")
        cells = row.cells.copy()
        while not rest[-1]:
            rest.pop()
        cells[text_at] = ",".join([cells[text_at], *rest])
        for place in unnamed:
            cells[place] = ""
        yield Row(row.line, cells)


def _unnamed_after(place: int, names: Sequence[str]) -> list[int]:
    after = range(place + 1, len(names))
    return list(takewhile(lambda i: _UNNAMED.fullmatch(names[i].strip()), after))
