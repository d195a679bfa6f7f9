"""The names of columns -> a table whose text and label are found, or a way out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.reading.delimited import Row
from spamft.reading.known import whole_texts
from spamft.reading.layout import Layout

__all__ = ["KNOWN_COLUMNS", "Columns", "Table", "Wanted", "table_of"]

# Names of the label and the text column that are known without being told
KNOWN_COLUMNS = (("Label", "Text"), ("v1", "v2"))


class Columns(NamedTuple):
    """Places in a row, from 0."""

    texts: tuple[int, ...]
    label: int | None


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


def table_of(
    path: Path,
    names: list[str],
    rows: Iterator[Row],
    found: Columns,
    delimiter: str | None = None,
) -> Table:
    """The table, once its columns are found."""
    rows = whole_texts(_not_none(rows, path), names, max(found.texts), path)
    return Table(names, rows, found, delimiter)


def _not_none(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    """The rows. Raises SpamftError if there is none."""
    first = next(rows, None)
    if first is None:
        raise SpamftError(f"{path} contains a header but no messages")
    yield first
    yield from rows


@dataclass(frozen=True)
class Wanted:
    """The columns that are looked for, and in which file."""

    path: Path
    layout: Layout
    with_label: bool

    def find(self, names: Sequence[str]) -> Columns | None:
        """Where text and label stand among `names`, or None if they do not.

        Names match without case and blanks, those that match exactly first. Raises
        SpamftError for a name that stands twice.
        """
        for label, text in KNOWN_COLUMNS:
            texts = [_place(names, each) for each in self.layout.texts or (text,)]
            label_at = _place(names, self.layout.label or label)
            if not self.with_label:
                label_at = None
            if None not in texts and (label_at is not None or not self.with_label):
                if len({label_at, *texts}) <= len(texts):
                    raise SpamftError(
                        "one column is named for two: name different ones"
                    )
                return Columns(tuple(texts), label_at)
        return None

    def refusal(
        self,
        names: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        may_lack_header: bool = True,
    ) -> SpamftError:
        """The error for a header without them, which ends with what to add.

        `rows` are some that follow: they show which columns are meant.
        """
        wanted = [*([self.layout.label or "Label"] if self.with_label else [])]
        wanted += self.layout.texts or ("Text",)
        expected = " and ".join(map(repr, wanted))
        what = (
            f"expected {'columns' if len(wanted) > 1 else 'a column'} {expected} in "
            f"the header, found {brief(','.join(names), 80)!r}"
        )
        ways_out = []
        again = any(
            name in {row[i] for row in rows if i < len(row)}
            for i, name in enumerate(names)
            if name.strip()
        )
        if may_lack_header and again:
            ways_out = ["--no-header, since line 1 looks like a message"]
        else:
            if len(names) > self.with_label and all(name.strip() for name in names):
                ways_out = [_options(names, rows, self.with_label)]
            if may_lack_header:
                ways_out += ["--no-header if line 1 is a message"]
        way_out = f"add {', or '.join(ways_out)}" if ways_out else "rename the columns"
        return SpamftError(f"{self.path}:1: {what}: {way_out}")


def _place(names: Sequence[str], wanted: str) -> int | None:
    exact = [place for place, name in enumerate(names) if name == wanted]
    places = exact or [
        place for place, name in enumerate(names) if _folded(name) == _folded(wanted)
    ]
    if len(places) > 1:
        first, second = places[0] + 1, places[1] + 1
        raise SpamftError(
            f"the header has two columns {brief(names[places[0]])!r}, in the places "
            f"{first} and {second}: rename one of them"
        )
    return places[0] if places else None


def _folded(name: str) -> str:
    return re.sub(r"\s+", "", name).casefold()


def _options(
    names: Sequence[str], rows: Sequence[Sequence[str]], with_label: bool
) -> str:
    """`--text NAME --label NAME` for the columns that look most like these.

    Texts are long; labels are few words for many rows.
    """
    rows = [row for row in islice(rows, 100) if len(row) == len(names)]
    columns = list(zip(*rows, strict=True)) or [[""] for _ in names]
    text = max(range(len(names)), key=lambda i: mean(map(len, columns[i])))
    rest = [i for i in range(len(names)) if i != text]
    if not with_label or not rest:
        return f"--text {_quoted(names[text])}"
    label = min(rest, key=lambda i: len(set(columns[i])))
    return f"--text {_quoted(names[text])} --label {_quoted(names[label])}"


def _quoted(name: str) -> str:
    """A name as it must stand on a command line."""
    shown = brief(name, 60)
    return shown if re.fullmatch(r"[\w.-]+", shown) else f'"{shown}"'
