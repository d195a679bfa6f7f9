"""What a file of labelled messages hides: check it before you train.

    audit(df)             rows, classes, duplicates, shortcuts, label suspects, mojibake
    audit(df, splits)     and what leaks from the training part into the others
    audit_file(path)      and what pandas' default parser loses of the file

The result reads as text in a terminal, as a table in a notebook, and as a dict.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd

from spamft.batches import encode_texts
from spamft.data import Splits, download, read_messages
from spamft.insight.patterns import PATTERNS, PLACES
from spamft.insight.rendering import Line, as_html, as_text
from spamft.insight.shortcuts import (
    PURE,
    Shortcut,
    find_shortcuts,
    length_accuracy,
)
from spamft.insight.suspects import MOST_LABELS, Suspect, find_suspects
from spamft.plumbing.display import in_counts
from spamft.plumbing.errors import SpamftError
from spamft.reading.frame import check_frame
from spamft.reading.layout import Layout
from spamft.reading.table import is_uci
from spamft.sources.duplicates import (
    count_leaks,
    duplicate_groups,
    leaked_messages,
    near_duplicate_groups,
)
from spamft.sources.labels import LabelRules, find_doubts, strip_labels, tidy_labels
from spamft.sources.messages import is_collection
from spamft.sources.splits import open_splits
from spamft.tokenizer import load_tokenizer

__all__ = ["Audit", "Line", "Swallowed", "audit", "audit_file"]

LONG = 256  # tokens that the bundled GPT reads
MOJIBAKE = re.compile(PATTERNS["broken encoding"])


@dataclass(frozen=True)
class Swallowed:
    """A line whose quotation mark makes pandas' read_csv swallow those after it."""

    line: int  # of the file, from 1
    lost: int  # messages
    begins: str


@dataclass(frozen=True, repr=False)
class Audit:
    """What `audit` found; lists begin with the worst."""

    rows: int
    classes: dict[str, int]  # label -> messages
    majority: float  # accuracy of always predicting the most frequent label, 0..1
    exact_duplicates: int  # rows that repeat an earlier one verbatim
    folded_duplicates: int  # or but for case, digits, punctuation
    near_duplicates: int  # or share at least half of their four-word runs
    conflicts: int  # groups of duplicates with different labels
    shortcuts: list[Shortcut]
    length_rule: float  # balanced accuracy of the best threshold on the length, 0..1
    suspects: list[Suspect]
    mojibake: list[int]  # rows, from 0
    swallowed: list[Swallowed] = field(default_factory=list)
    read_by_pandas: int | None = None  # rows; None if no file was read
    doubts: list[str] = field(default_factory=list)  # about labels, with a way out each
    too_long: int = 0  # messages of more than LONG tokens
    leaks: dict[str, dict[str, int]] | None = None  # as `count_leaks` gives them
    no_split: str | None = None  # why the messages cannot be cut in three parts
    leak_examples: list[str] = field(default_factory=list)

    def to_dict(self) -> dict:
        """All of it, for JSON."""
        return asdict(self)

    def lines(self) -> list[Line]:
        """The findings as lines to read, in a sensible order."""
        return [
            *self._about_reading(),
            *self._about_duplicates(),
            *self._about_shortcuts(),
            Line("broken encoding", f"{len(self.mojibake):,} rows"),
            *self._about_suspects(),
        ]

    def _about_reading(self) -> Iterator[Line]:
        yield Line("rows", f"{self.rows:,} ({in_counts(self.classes)})")
        baseline = f"predicting it every time is right for {self.majority:.1%}"
        yield Line("most frequent label", baseline, self.majority)
        for doubt in self.doubts:
            yield Line("doubtful labels", doubt)
        if self.too_long:
            count = f"{self.too_long:,} of {self.rows:,} messages, which it cuts"
            yield Line(f"over the bundled GPT's {LONG} tokens", count)
        if self.read_by_pandas is None:
            return
        reason = "; ".join(
            f"line {s.line} swallows {s.lost} ({s.begins[:30]!r})"
            for s in self.swallowed[:3]
        )
        if not reason and self.read_by_pandas == self.rows:
            reason = "all"
        reason = reason or "a quotation mark never closes"
        found = f"finds {self.read_by_pandas:,} rows: {reason}"
        yield Line("read_csv's default", found)

    def _about_duplicates(self) -> Iterator[Line]:
        counts = (
            f"{self.exact_duplicates:,} exact, {self.folded_duplicates:,} but for "
            f"case, digits and punctuation, {self.near_duplicates:,} nearly"
        )
        yield Line("duplicates", counts, self.near_duplicates / self.rows)
        conflicts = f"{self.conflicts:,} groups"
        yield Line("duplicates with conflicting labels", conflicts)
        for name, leak in (self.leaks or {}).items():
            counts = f"{leak['exact']:,} exact, {leak['folded']:,} folded"
            yield Line(f"{name} messages in train", counts)
        if self.no_split:
            yield Line("cannot be split", self.no_split)

    def _about_shortcuts(self) -> Iterator[Line]:
        accuracy = f"balanced accuracy {self.length_rule:.1%}"
        yield Line("length alone", accuracy, self.length_rule)
        # a pure pattern, and what a GPT reads best, the end, are named even where ten
        # words predict the label better
        found = self.shortcuts
        pure = [s for s in found if s.what in PATTERNS and s.share >= PURE]
        places = [s for s in found if s.what in PLACES]
        for s in dict.fromkeys([*pure, *places, *found[:10]]):
            yield Line(f"shortcut: {s.what}", str(s), s.accuracy)

    def _about_suspects(self) -> Iterator[Line]:
        if len(self.classes) > MOST_LABELS:
            yield Line(
                "suspects", f"not looked for among more than {MOST_LABELS} labels"
            )
        for s in self.suspects[:5]:
            yield Line(f"suspect: row {s.row}", str(s))

    def __str__(self) -> str:
        return as_text(self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self.lines())


def audit(df: pd.DataFrame, splits: Splits | None = None) -> Audit:
    """Check messages with the columns Label, as words, and Text.

    Raises SpamftError for fewer than two labels.
    """
    check_frame(df, "Label", "Text")
    if df["Label"].nunique() < 2:
        raise SpamftError(f"an audit needs two labels, not {df['Label'].unique()}")
    df = df.reset_index(drop=True).astype({"Label": str})
    groups = duplicate_groups(df)
    counts = df["Label"].value_counts()
    return Audit(
        rows=len(df),
        classes={str(name): int(count) for name, count in counts.items()},
        majority=float(counts.max() / len(df)),
        exact_duplicates=int(df["Text"].duplicated().sum()),
        folded_duplicates=int(groups.duplicated().sum()),
        near_duplicates=int(near_duplicate_groups(df, groups).duplicated().sum()),
        conflicts=int((df["Label"].groupby(groups).nunique() > 1).sum()),
        shortcuts=find_shortcuts(df),
        length_rule=length_accuracy(df),
        suspects=find_suspects(df, groups),
        mojibake=[i for i, text in enumerate(df["Text"]) if MOJIBAKE.search(text)],
        doubts=[str(doubt) for doubt in find_doubts(df)],
        too_long=_count_longer(df["Text"]),
        leaks=count_leaks(splits) if splits else None,
        leak_examples=leaked_messages(splits)[:5] if splits else [],
    )


def audit_file(
    path: Path | str,
    splits: Splits | None = None,
    *,
    layout: Layout = Layout(),  # noqa: B008, it is frozen
    rules: LabelRules = LabelRules(),  # noqa: B008, it is frozen
) -> Audit:
    """Read the file as `read_messages` does, and audit it and the reading.

    Without `splits`, those that the lecture would cut. Doubtful labels are reported,
    unless `rules` treat them. The zip of the SMS Spam Collection works, too. Raises
    SpamftError if the file cannot be read.
    """
    path, why = Path(path), None
    if is_collection(path):
        with tempfile.TemporaryDirectory() as folder:
            return audit_file(download(folder, archive=path), splits)
    df = read_messages(path, layout=layout)
    try:
        df, _ = tidy_labels(df, rules)
    except SpamftError:  # `find_doubts` reports it
        df, _ = strip_labels(df)
    if splits is None:
        splits, why = _cut_as_the_lecture(path, layout, rules)
    found = _in_rows_of(df.index, replace(audit(df, splits), no_split=why))
    if not is_uci(path, layout):
        return found  # quotation marks mean quoting in a table: nothing is lost
    try:
        by_pandas = read_messages(path, lecture=True)
    except SpamftError:  # a quotation mark that nothing closes: pandas gives up
        return replace(found, read_by_pandas=0)
    return replace(
        found, swallowed=_swallowed(by_pandas), read_by_pandas=len(by_pandas)
    )


def _in_rows_of(index: pd.Index, found: Audit) -> Audit:
    """The findings with the file's rows, where `rules` left some out."""
    suspects = [replace(s, row=int(index[s.row])) for s in found.suspects]
    mojibake = [int(index[row]) for row in found.mojibake]
    return replace(found, suspects=suspects, mojibake=mojibake)


def _cut_as_the_lecture(
    path: Path, layout: Layout, rules: LabelRules
) -> tuple[Splits | None, str | None]:
    """(the three parts, None), or (None, why there are none)."""
    rules = replace(rules, drop_unlabelled=True, trust_labels=True)
    for lecture in (True, False):  # pandas may give up where the reader does not
        try:
            data = open_splits(path, lecture=lecture, layout=layout, rules=rules)
            return data.splits, None
        except SpamftError as error:
            why = str(error)
    return None, why


def _count_longer(texts: pd.Series) -> int:
    """How many texts have more than LONG of the bundled GPT's tokens."""
    long = texts[texts.str.len() > LONG].tolist()  # a token has a character at least
    return sum(len(ids) > LONG for ids in encode_texts(long, load_tokenizer("tiny")))


def _swallowed(by_pandas: pd.DataFrame) -> list[Swallowed]:
    """The rows that hold more than one line, and where in the file they begin."""
    found, line = [], 1
    for text in by_pandas["Text"]:
        lost = text.count("\n")
        if lost:
            found.append(Swallowed(line, lost, text.split("\n")[0]))
        line += 1 + lost
    return found
