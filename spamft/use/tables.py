"""A CSV with a column of texts -> the same with a label and probabilities."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import tee
from pathlib import Path
from typing import TextIO

from spamft.plumbing.display import mark_formula
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file
from spamft.plumbing.formats import stream_rows
from spamft.plumbing.locks import only_one
from spamft.use.predict import classify_stream
from spamft.use.saved import Saved

__all__ = ["classify_table"]


def classify_table(
    saved: Saved,
    source: Path | str,
    target: Path | str | None = None,
    *,
    text_column: str = "Text",
    mark_formulas: bool = True,
) -> None:
    """Write the rows of `source`, in their order, with what `saved` predicts for them.

    The columns `predicted` and `probability_NAME` come after those of the file. The
    target appears whole or not at all; without one, it is standard output. Rows are
    read as they are needed, so a file of any length will do. A cell that a spreadsheet
    would compute gets an apostrophe in front, unless `mark_formulas` is False; it is
    taken away again by `plumbing.display.unmark_formula`.
    """
    source, names = Path(source), saved.model.label_names
    header, place, rows = stream_rows(source, text_column)
    added = ["predicted", *(f"probability_{name}" for name in names)]
    if taken := set(added) & set(header):
        raise SpamftError(f"{source} already has the column {min(taken)!r}")
    rows, again = tee(rows)
    texts = (row[place] for row in again)
    verdicts = classify_stream(saved.model, saved.tokenizer, texts)
    with _output(target) as file:
        write = csv.writer(file, lineterminator="\n").writerow
        cell = mark_formula if mark_formulas else str
        write(map(cell, [*header, *added]))
        for row, (label, probabilities) in zip(rows, verdicts, strict=True):
            shares = (f"{probabilities[name]:.6f}" for name in names)
            write([*map(cell, [*row, label]), *shares])


@contextmanager
def _output(path: Path | str | None) -> Iterator[TextIO]:
    if path is None:
        if sys.stdout is None:
            raise SpamftError("standard output is closed: name an output file")
        yield sys.stdout
        return
    with (
        only_one(path),
        whole_file(path) as part,
        part.open("w", encoding="utf-8", newline="") as file,
    ):
        yield file
