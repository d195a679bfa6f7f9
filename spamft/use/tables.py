"""A file with a column of texts -> a CSV of it with a label and probabilities."""

import csv
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import tee
from pathlib import Path
from typing import TextIO

from spamft.plumbing.display import mark_formula
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file
from spamft.plumbing.locks import only_one
from spamft.reading.layout import Layout
from spamft.reading.table import open_table
from spamft.use.predict import classify_stream
from spamft.use.saved import Saved

__all__ = ["classify_table"]


def classify_table(
    saved: Saved,
    source: Path | str,
    target: Path | str | None = None,
    *,
    layout: Layout = Layout(),  # noqa: B008, it is frozen
    mark_formulas: bool = True,
    on_cut: Callable[[int], None] = lambda count: None,
) -> None:
    """Write the rows of `source`, in their order, with what `saved` predicts for them.

    `source` is any file that `reading.table` opens; the text column is the one that
    `layout` names, else the one that training read. The columns `predicted` and
    `probability_NAME` come after those of the file; where a threshold holds a message
    back, `predicted` is "unsure", which then no class can be called. The target appears
    whole or not at all; without one, it is standard output. Rows are read as they are
    needed, so a file of any length will do. A cell that a spreadsheet would compute
    gets an apostrophe in front, unless `mark_formulas` is False; it is taken away again
    by `plumbing.display.unmark_formula`. `on_cut` is told, now and then, how many texts
    more the model did not read to their end.
    """
    source, names = Path(source), saved.model.label_names
    layout = replace(layout, text=layout.texts or saved.text_columns or None)
    added = ["predicted", *(f"probability_{name}" for name in names)]
    with (
        open_table(source, layout, with_label=False) as table,
        _output(target) as file,
    ):
        if taken := set(added) & set(table.names):
            raise SpamftError(f"{source} already has the column {min(taken)!r}")
        rows, again = tee(table.rows)
        verdicts = classify_stream(
            saved.model,
            saved.tokenizer,
            map(table.text, again),
            saved.rule,
            on_cut=on_cut,
        )
        write = csv.writer(file, lineterminator="\n").writerow
        cell = mark_formula if mark_formulas else str
        write(map(cell, [*table.names, *added]))
        for row, verdict in zip(rows, verdicts, strict=True):
            shares = (f"{verdict.probabilities[name]:.6f}" for name in names)
            write([*map(cell, [*row.cells, verdict.shown]), *shares])


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
