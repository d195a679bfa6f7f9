"""What a file of labelled messages hides: look before you train.

    audit(df)             rows, classes, duplicates, shortcuts, label suspects, mojibake
    audit(df, splits)     and what leaks from the training part into the others
    audit_file(path)      and what the usual way of reading the file loses

The result reads as text in a terminal, as a table in a notebook, and as a dict.
"""

import html
import re
import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import binom
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline

from spamft.data import (
    Splits,
    count_leaks,
    download,
    duplicate_groups,
    read_messages,
)
from spamft.formats import has_header

__all__ = ["Audit", "Line", "Shortcut", "Suspect", "Swallowed", "audit", "audit_file"]

PATTERNS = {
    "HTML entity": r"&(?:[a-z]+|#\d+);",
    "web address": r"(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|co|org|net|uk|example|test)\b",
    "currency sign": r"[£$€¥₹]",
    "run of 5 or more digits": r"\d{5,}",
    "digit": r"\d",
    "word in capitals": r"\b[A-Z]{3,}\b",
    "exclamation mark": r"!",
    "question mark": r"\?",
    "quotation mark at the start": r"^\"",
    "letter beyond ASCII": r"[^\x00-\x7f]",
    "broken encoding": r"[\x80-\x9f\ufffd]|Ã.|â€|Â[£ ]",
}
MOJIBAKE = re.compile(PATTERNS["broken encoding"])
ENOUGH = 20  # messages that a shortcut must be in
LARGE = 20_000  # messages, above which labels are judged by words alone


class Line(NamedTuple):
    """One finding, and its share in 0..1 if it is one."""

    what: str
    finding: str
    share: float | None = None


@dataclass(frozen=True)
class Swallowed:
    """A line whose quotation mark makes pandas' read_csv swallow those after it."""

    line: int  # of the file, from 1
    lost: int  # messages
    begins: str


@dataclass(frozen=True, eq=False)  # one of a kind, though its counts are a dict
class Shortcut:
    """Something simple that tells the label, and so may be all that a model learns."""

    what: str
    counts: dict[str, int]  # label -> messages that have it
    label: str  # that it points to
    share: float  # of the messages that have it, 0..1
    accuracy: float  # balanced, of "has it means the label", 0..1

    def line(self) -> Line:
        """In words."""
        counts = ", ".join(f"{n:,} {name}" for name, n in self.counts.items())
        finding = f"{counts}; means {self.label} to {self.share:.1%}"
        return Line(f"shortcut: {self.what}", finding, self.accuracy)


@dataclass(frozen=True)
class Suspect:
    """A message whose label a model, trained on the others, does not believe."""

    row: int  # of the frame, from 0
    label: str
    reads: str  # the label that it reads like
    belief: float  # in the given label, 0..1
    text: str

    def line(self) -> Line:
        """In words."""
        finding = (
            f"labelled {self.label}, reads like {self.reads} "
            f"({1 - self.belief:.0%}): {self.text[:50]!r}"
        )
        return Line(f"suspect: row {self.row}", finding)


@dataclass(frozen=True, repr=False)
class Audit:
    """What `audit` found; lists begin with the worst."""

    rows: int
    classes: dict[str, int]
    majority: float  # accuracy of always saying the most frequent label
    exact_duplicates: int  # rows that repeat an earlier one to the letter
    folded_duplicates: int  # or but for case, digits, punctuation
    near_duplicates: int  # or share at least half of their four-word runs
    conflicts: int  # groups of equal messages with different labels
    shortcuts: list[Shortcut]
    length_rule: float  # balanced accuracy of the best threshold on the length
    suspects: list[Suspect]
    mojibake: list[int]  # rows
    swallowed: list[Swallowed] = field(default_factory=list)
    read_by_pandas: int | None = None  # rows; None if no file was read
    leaks: dict[str, dict[str, int]] | None = None
    leak_examples: list[str] = field(default_factory=list)

    def to_dict(self) -> dict:
        """All of it, for JSON."""
        return asdict(self)

    def lines(self) -> list["Line"]:
        """What was found, in the order of reading."""
        classes = ", ".join(f"{count:,} {name}" for name, count in self.classes.items())
        found = [
            Line("rows", f"{self.rows:,} ({classes})"),
            Line(
                "always the most frequent",
                f"is right for {self.majority:.1%}",
                self.majority,
            ),
            *self._reading(),
            Line(
                "duplicates",
                f"{self.exact_duplicates:,} exact, {self.folded_duplicates:,} but for "
                f"case, digits and punctuation, {self.near_duplicates:,} nearly",
                self.near_duplicates / self.rows,
            ),
            Line("equal but labelled apart", f"{self.conflicts:,} groups"),
        ]
        for name, leak in (self.leaks or {}).items():
            counts = f"{leak['exact']:,} exact, {leak['folded']:,} folded"
            found.append(Line(f"{name} messages in train", counts))
        found.append(
            Line(
                "length alone",
                f"balanced accuracy {self.length_rule:.1%}",
                self.length_rule,
            )
        )
        pure = [each for each in self.shortcuts if each.what in PATTERNS]
        pure = [each for each in pure if each.share >= 0.98]
        found += [s.line() for s in dict.fromkeys([*pure, *self.shortcuts[:10]])]
        found.append(Line("broken encoding", f"{len(self.mojibake):,} rows"))
        return found + [suspect.line() for suspect in self.suspects[:5]]

    def _reading(self) -> list["Line"]:
        if self.read_by_pandas is None:
            return []
        lost = "; ".join(
            f"line {s.line} swallows {s.lost} ({s.begins[:30]!r})"
            for s in self.swallowed[:3]
        )
        same = self.read_by_pandas == self.rows
        why = lost or ("all" if same else "a quotation mark never closes")
        return [
            Line("read_csv's default", f"finds {self.read_by_pandas:,} rows: {why}")
        ]

    def __str__(self) -> str:
        return "\n".join(f"{line.what:36s}{line.finding}" for line in self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """A table, with a bar where a finding is a share."""
        rows = []
        for what, finding, share in self.lines():
            width = 0 if share is None else round(120 * share)
            bar = f'<div style="background:#3b6fd4;height:0.8em;width:{width}px"></div>'
            rows.append(
                f'<tr><th style="text-align:left">{html.escape(what)}</th>'
                f'<td style="text-align:left">{html.escape(finding)}</td>'
                f"<td>{bar if width else ''}</td></tr>"
            )
        return f"<table>{''.join(rows)}</table>"


def audit(df: pd.DataFrame, splits: Splits | None = None) -> Audit:
    """Look at messages with the columns Label, as words, and Text.

    Raises ValueError for fewer than two labels.
    """
    if df["Label"].nunique() < 2:
        raise ValueError(f"an audit needs two labels, not {df['Label'].unique()}")
    df = df.reset_index(drop=True).astype({"Label": str})
    groups = duplicate_groups(df)
    counts = df["Label"].value_counts()
    leaks = count_leaks(splits) if splits else None
    return Audit(
        rows=len(df),
        classes={str(name): int(count) for name, count in counts.items()},
        majority=float(counts.max() / len(df)),
        exact_duplicates=int(df["Text"].duplicated().sum()),
        folded_duplicates=int(groups.duplicated().sum()),
        near_duplicates=int(_near_groups(df["Text"], groups).duplicated().sum()),
        conflicts=int((df["Label"].groupby(groups).nunique() > 1).sum()),
        shortcuts=_shortcuts(df),
        length_rule=_length_rule(df),
        suspects=_suspects(df, groups),
        mojibake=[i for i, text in enumerate(df["Text"]) if MOJIBAKE.search(text)],
        leaks=leaks,
        leak_examples=_leaked(splits) if splits else [],
    )


def audit_file(
    path: Path | str,
    splits: Splits | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
) -> Audit:
    """Read the file as `read_messages` does, and audit it and the reading.

    The zip of the SMS Spam Collection will do, too.
    """
    path = Path(path)
    if path.suffix == ".zip":
        with tempfile.TemporaryDirectory() as folder:
            return audit_file(download(folder, archive=path), splits)
    found = audit(read_messages(path, text=text, label=label), splits)
    if text or label or has_header(path):
        return found  # quotation marks mean quoting in a table: nothing is lost
    try:
        by_pandas = read_messages(path, lecture=True)
    except ValueError:  # a quotation mark that nothing closes: pandas gives up
        return replace(found, read_by_pandas=0)
    return replace(
        found, swallowed=_swallowed(by_pandas), read_by_pandas=len(by_pandas)
    )


def _swallowed(by_pandas: pd.DataFrame) -> list[Swallowed]:
    """The rows that hold more than one line, and where in the file they begin."""
    found, line = [], 1
    for text in by_pandas["Text"]:
        lost = text.count("\n")
        if lost:
            found.append(Swallowed(line, lost, text.split("\n")[0]))
        line += 1 + lost
    return found


def _leaked(splits: Splits) -> list[str]:
    test, train = splits.test["Text"], splits.train["Text"]
    return test[test.isin(train)].head(5).tolist()


def _near_groups(texts: pd.Series, groups: pd.Series) -> pd.Series:
    """Groups of equal messages, joined where they share half of their word runs.

    Runs of four words that more than 200 groups have are left out: what everybody
    says makes nobody alike, and their pairs would be too many.
    """
    firsts = texts[~groups.duplicated()]
    counter = CountVectorizer(
        ngram_range=(4, 4), binary=True, token_pattern=r"\w+", dtype=np.int32
    )
    try:
        runs = counter.fit_transform(firsts)
    except ValueError:  # no message has four words
        return groups
    used_by = np.asarray(runs.sum(0)).ravel()
    sizes = np.asarray(runs.sum(1)).ravel()
    runs = runs[:, (used_by > 1) & (used_by <= 200)]
    shared = (runs @ runs.T).tocoo()
    union = sizes[shared.row] + sizes[shared.col] - shared.data
    near = (shared.row < shared.col) & (shared.data >= 0.5 * union)
    pairs = (shared.row[near], shared.col[near])
    size = (len(firsts), len(firsts))
    _, joined = connected_components(csr_matrix((np.ones(near.sum()), pairs), size))
    return pd.Series(joined, index=groups[~groups.duplicated()].to_numpy())[
        groups
    ].reset_index(drop=True)


def _shortcuts(df: pd.DataFrame, most: int = 40) -> list[Shortcut]:
    """Patterns and words that stand nearly alone with one label, or tell it well.

    Kept if the label's share among the messages that have it could not be chance (an
    exact binomial test at 1e-6, corrected for how many were tried), and it is either
    nearly pure (98 %) or right for 70 %, classes weighing alike.
    """
    labels = df["Label"].to_numpy()
    names = list(dict.fromkeys(sorted(labels)))
    features = {
        what: df["Text"].str.contains(pattern, regex=True).to_numpy()
        for what, pattern in PATTERNS.items()
    }
    counter = CountVectorizer(
        binary=True, min_df=ENOUGH, token_pattern=r"(?u)[^\W\d_]+|[^\w\s]"
    )
    try:
        present = counter.fit_transform(df["Text"]).tocsc()
        columns = {f"{w!r}": i for w, i in counter.vocabulary_.items()}
    except ValueError:  # nothing is frequent enough
        present, columns = None, {}
    is_label = {name: labels == name for name in names}
    totals = {name: int(is_label[name].sum()) for name in names}
    tried = len(features) + len(columns)
    found = []
    for what, has in [*features.items(), *columns.items()]:
        rows = np.flatnonzero(has) if what in features else _rows(present, has)
        if len(rows) < ENOUGH:
            continue
        counts = {name: int(is_label[name][rows].sum()) for name in names}
        rates = {name: counts[name] / totals[name] for name in names}
        label = max(rates, key=rates.get)
        share = counts[label] / len(rows)
        others = len(df) - totals[label]
        accuracy = (rates[label] + 1 - (len(rows) - counts[label]) / others) / 2
        chance = binom.sf(counts[label] - 1, len(rows), totals[label] / len(df))
        if chance * tried < 1e-6 and (share >= 0.98 or accuracy >= 0.7):
            found.append(Shortcut(what, counts, label, share, float(accuracy)))
    strength = {each.what: each.accuracy for each in found}
    return sorted(found, key=lambda each: -strength[each.what])[:most]


def _rows(present, column: int) -> np.ndarray:
    return present.indices[present.indptr[column] : present.indptr[column + 1]]


def _length_rule(df: pd.DataFrame) -> float:
    """The best threshold's balanced accuracy, for the label it tells best."""
    lengths = df["Text"].str.len().to_numpy()
    best = 0.0
    for name in df["Label"].unique():
        of_label = (df["Label"] == name).to_numpy()
        edges = np.unique(lengths)
        longer = [
            1 - np.searchsorted(np.sort(lengths[chosen]), edges) / chosen.sum()
            for chosen in (of_label, ~of_label)
        ]
        best = max(best, float(np.abs(longer[0] - longer[1]).max() + 1) / 2)
    return best


def _suspects(df: pd.DataFrame, groups: pd.Series, most: int = 50) -> list[Suspect]:
    """Rows by how little a model that never saw them, nor their equals, believes them.

    Confident learning's self-confidence (Northcutt et al., 2021, arXiv 1911.00068).
    """
    folds = _folds(df["Label"], groups)
    if folds is None:
        return []
    pieces = {"analyzer": "char_wb", "ngram_range": (2, 4)} if len(df) <= LARGE else {}
    judge = make_pipeline(
        TfidfVectorizer(min_df=2, sublinear_tf=True, dtype=np.float32, **pieces),
        LogisticRegression(C=30, max_iter=300),
    )
    chances = cross_val_predict(
        judge,
        df["Text"],
        df["Label"],
        cv=PredefinedSplit(folds),
        method="predict_proba",
    )
    names = sorted(df["Label"].unique())
    place = df["Label"].map({name: i for i, name in enumerate(names)}).to_numpy()
    belief = chances[np.arange(len(df)), place]
    reads = chances.argmax(1)
    doubtful = np.flatnonzero(reads != place)
    order = doubtful[np.argsort(belief[doubtful], kind="stable")][:most]
    return [_suspect(df, i, names[reads[i]], belief[i]) for i in order]


def _folds(labels: pd.Series, groups: pd.Series, most: int = 5) -> np.ndarray | None:
    """A fold for each row: groups stay together, and each label is dealt out evenly."""
    firsts = pd.DataFrame({"label": labels, "group": groups}).drop_duplicates("group")
    count = min(most, int(firsts["label"].value_counts().min()))
    if count < 2:
        return None
    dealt = firsts.sample(frac=1, random_state=0).sort_values("label", kind="stable")
    fold_of = pd.Series(np.arange(len(dealt)) % count, index=dealt["group"])
    return groups.map(fold_of).to_numpy()


def _suspect(df: pd.DataFrame, i: int, reads: str, belief: float) -> Suspect:
    label, text = df["Label"].iat[i], df["Text"].iat[i]
    return Suspect(int(i), label, reads, float(belief), text)
