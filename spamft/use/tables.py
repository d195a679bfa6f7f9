"""A file with a column of texts -> a CSV of it with a label and probabilities."""

import csv
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import torch
from tqdm.auto import tqdm

from spamft import __version__
from spamft.models.precision import precision_of
from spamft.plumbing.buckets import windows
from spamft.plumbing.checkpoint import digest
from spamft.plumbing.display import mark_formula
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import sha256
from spamft.plumbing.growing import GrowingFile, growing_file
from spamft.reading.delimited import Row
from spamft.reading.layout import Layout
from spamft.reading.table import open_table
from spamft.use.predict import CHARACTERS, MESSAGES, classify_stream
from spamft.use.saved import Saved
from spamft.use.verdict import Verdict

__all__ = ["classify_table"]

Log = Callable[[str], None]


def classify_table(
    saved: Saved,
    source: Path | str,
    target: Path | str | None = None,
    *,
    layout: Layout = Layout(),  # noqa: B008, it is frozen
    mark_formulas: bool = True,
    window: int = MESSAGES,
    progress: bool = False,
    log: Log = lambda line: None,
) -> int:
    """Write the rows of `source`, in their order, with what `saved` predicts for them.

    `source` is any file that `reading.table` opens; the text column is the one that
    `layout` names, else the one that training read. The columns `predicted` and
    `probability_NAME` come after those of the file; where a threshold holds a message
    back, `predicted` is "unsure", which then no class can be called. A cell that a
    spreadsheet would compute gets an apostrophe in front, unless `mark_formulas` is
    False; it is taken away again by `plumbing.display.unmark_formula`.

    Rows are read as they are needed, `window` of them at a time, so a file of any
    length will do. The target appears whole or not at all. A killed call resumes, to
    the same bytes, when it is made again; `log` says so. What could not be written is
    found before the first row is classified. Without a target it is standard output.
    Returns how many texts the model did not read to their end.
    """
    source = Path(source)
    layout = replace(layout, text=layout.texts or saved.text_columns or None)
    added = ["predicted", *(f"probability_{name}" for name in saved.model.label_names)]
    total = _count(source, layout) if target else None
    options = [asdict(layout), mark_formulas, window]
    with (
        _output(target, saved, source, options, log) as out,
        open_table(source, layout, with_label=False) as table,
    ):
        if taken := set(added) & set(table.names):
            raise SpamftError(f"{source} already has the column {min(taken)!r}")
        done, cut = out.state.get("rows", 0), out.state.get("cut", 0)
        write = csv.writer(out, lineterminator="\n").writerow
        cell = mark_formula if mark_formulas else str
        if done:
            log(f"resumes after {done:,} of {total:,} messages")
        else:
            write(map(cell, [*table.names, *added]))
        rows = map(_with_size, islice(table.rows, done, None))
        with _bar(total, done, progress) as bar:
            for some in windows(rows, window, CHARACTERS):
                verdicts, more = _verdicts(saved, list(map(table.text, some)))
                for row, verdict in zip(some, verdicts, strict=True):
                    shares = (f"{p:.6f}" for p in verdict.probabilities.values())
                    write([*map(cell, [*row.cells, verdict.shown]), *shares])
                done, cut = done + len(some), cut + more
                out.keep({"rows": done, "cut": cut})
                bar.update(len(some))
    return cut


def _count(source: Path, layout: Layout) -> int:
    """How many rows there are. One that cannot be read is found now, not in hours."""
    with open_table(source, layout, with_label=False) as table:
        return sum(1 for _ in table.rows)


def _with_size(row: Row) -> tuple[Row, int]:
    return row, sum(map(len, row.cells))


def _verdicts(saved: Saved, texts: list[str]) -> tuple[list[Verdict], int]:
    """A Verdict for each text, and how many of them are cut."""
    cut: list[int] = []
    stream = classify_stream(
        saved.model, saved.tokenizer, texts, saved.rule, on_cut=cut.append
    )
    return list(stream), sum(cut)


class _Printed:
    """Standard output, of which nothing can be kept."""

    state: dict[str, int] = {}

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def keep(self, state: dict[str, int]) -> None:
        pass


def _output(
    target: Path | str | None, saved: Saved, source: Path, options: list, log: Log
) -> AbstractContextManager[GrowingFile | _Printed]:
    """Where the rows go."""
    if target is not None:
        return growing_file(target, _identity(saved, source, options), log)
    if sys.stdout is None:
        raise SpamftError("standard output is closed: name an output file")
    return nullcontext(_Printed())


def _identity(saved: Saved, source: Path, options: list) -> dict[str, str]:
    """What decides the bytes of the output."""
    return {
        "input": sha256(source),
        "model": saved.identity(),
        "precision": str(precision_of(saved.model.gpt)),
        "rule": digest(saved.rule.to_dict()),
        "options": digest(options),
        "device": next(saved.model.parameters()).device.type,
        "versions": f"spamft {__version__}, torch {torch.__version__}",
    }


def _bar(total: int | None, done: int, progress: bool) -> tqdm:
    return tqdm(
        desc="classify",
        total=total,
        initial=done,
        unit="message",
        disable=not progress,
    )
