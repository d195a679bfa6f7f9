"""Three layouts that are known by their first line: UCI's, fastText's, and Kaggle's."""

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from spamft.reading.delimited import Row, is_blank, refusal

__all__ = [
    "FASTTEXT",
    "UCI_LABELS",
    "fasttext_rows",
    "is_uci_line",
    "kaggle_rows",
    "uci_rows",
    "unnamed_places",
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
            raise refusal(path, number, f"expected a tab in {line[:80]!r}")
        if label.strip().casefold() not in UCI_LABELS:
            what = f"unknown label {label[:80]!r}, expected ham or spam"
            raise refusal(path, number, f"{what}; --no-header takes any labels")
        yield Row(number, [label, text])


def fasttext_rows(lines: Iterator[str], path: Path) -> Iterator[Row]:
    """fastText's: `__label__NAME text`."""
    for number, line in enumerate(lines, start=1):
        label, _, text = line.strip("\r\n").partition(" ")
        if not label and not text.strip():
            continue
        if not label.startswith(FASTTEXT):
            what = f"expected {FASTTEXT}NAME and a text, found {line[:80]!r}"
            raise refusal(path, number, what)
        if text.startswith(FASTTEXT):
            what = f"two labels, {line[:80]!r}: spamft knows one label per message"
            raise refusal(path, number, what)
        yield Row(number, [label.removeprefix(FASTTEXT), text])


def unnamed_places(names: Sequence[str]) -> list[int]:
    """The places of the columns without a name, after the first two."""
    return [i for i in range(2, len(names)) if _UNNAMED.fullmatch(names[i].strip())]


def kaggle_rows(
    lines: Iterator[tuple[int, str]], width: int, unnamed: Sequence[int], path: Path
) -> Iterator[Row]:
    """Those of the spam.csv that broke its texts at commas: what stands in columns
    without a name goes back to the end of the text, in the second column."""
    begins = 0

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
        if not 1 < len(cells) <= width:
            raise refusal(path, line, f"expected {width} columns, found {len(cells)}")
        cells += [""] * (width - len(cells))
        text = [cells[1], *(cells[place] for place in unnamed)]
        while len(text) > 1 and not text[-1]:
            text.pop()
        cells[1] = ",".join(text)
        for place in unnamed:
            cells[place] = ""
        yield Row(line, cells)
