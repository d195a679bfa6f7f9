"""Labels as people have them -> labels to train on, or one error with the ways out.

tidy_labels(df, rules)    blanks stripped, doubtful labels refused, or by the rules
read_as(df, names)        class ids for a model that knows these names
find_doubts(df)           what is doubtful about the labels, for a report
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from spamft.data import encode_labels
from spamft.plumbing.display import brief, in_counts, visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.options import option
from spamft.sources.spelling import (
    composed,
    folded,
    list_like,
    missing_labels,
    stripped,
    variants,
)

__all__ = [
    "LabelRules",
    "Tidied",
    "find_doubts",
    "read_as",
    "strip_labels",
    "tidy_labels",
]

DROP_EMPTY = "add --drop-unlabelled to leave them out"


@dataclass(frozen=True)
class LabelRules:
    """What to do with labels that are doubtful; without a rule they are refused."""

    drop_unlabelled: bool = option(
        False, "leave out rows whose label is empty or looks missing (N/A, nan, -)"
    )
    merge_case: bool = option(
        False, "make labels one that differ in case or blanks, by the most frequent"
    )
    min_per_class: int = option(1, "leave out classes with fewer messages", "N")
    trust_labels: bool = option(
        False, "take every label but an empty one as the class that it names"
    )


class Tidied(NamedTuple):
    """Messages with labels to train on, and what was done to get there."""

    df: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Doubt:
    """What is doubtful about some labels."""

    what: str  # in words, with counts
    way_out: str  # the options that settle it

    def __str__(self) -> str:
        return f"{self.what}: {self.way_out}"


def tidy_labels(
    df: pd.DataFrame,
    rules: LabelRules = LabelRules(),  # noqa: B008, it is frozen
    names: Sequence[str] = (),
) -> Tidied:
    """The messages with their labels stripped and treated by `rules`, and notes on it.

    Labels that are merged are spelled as in `names`, where they are there.
    Nothing is left out but by a rule, and the notes count it. Raises SpamftError for
    labels that are doubtful: that look missing, differ only in case or blanks, or read
    like lists.
    """
    df, notes = strip_labels(df)
    if rules.drop_unlabelled:
        df, notes = _leave_out(
            df, missing_labels(df["Label"]), "without a label", notes
        )
    if rules.merge_case:
        df, notes = _merge(df, notes, names)
    doubts = [
        doubt
        for doubt in find_doubts(df)
        if not rules.trust_labels or doubt.way_out == DROP_EMPTY
    ]
    if doubts:
        raise SpamftError("; ".join(map(str, doubts)))
    counts = df["Label"].value_counts()
    rare = set(counts[counts < rules.min_per_class].index)
    if rare:
        what = f"of classes with fewer than {rules.min_per_class}"
        df, notes = _leave_out(df, rare, what, notes)
    return Tidied(df, notes)


def read_as(
    df: pd.DataFrame,
    names: Sequence[str],
    meanings: Mapping[str, str] = {},  # noqa: B006
) -> Tidied:
    """The messages with class ids, places in `names`, for labels; and a note, if
    numbers had to be taken for ids.

    `meanings` says which name a label of the data stands for. Raises SpamftError for
    a label, or a meaning, that is none of `names`.
    """
    if unknown := set(meanings.values()) - set(names):
        raise SpamftError(
            f"{brief(min(unknown))!r} is no class of the model, which knows "
            f"{brief(', '.join(names), 80)}"
        )
    df = df.assign(Label=df["Label"].replace(dict(meanings)))
    known = {folded(name) for name in names}
    labels = dict.fromkeys(df["Label"])
    if odd := [x for x in labels if x not in names and folded(x) in known]:
        raise SpamftError(
            f"labels that differ from {brief(', '.join(names), 80)} in case or blanks "
            f"({brief(', '.join(odd), 80)}): add --merge-case"
        )
    numbers = not set(df["Label"]) & set(names) and df["Label"].str.isdecimal().all()
    encoded = encode_labels(df, names)
    if not numbers:
        return Tidied(encoded, ())
    ids = ", ".join(f"{number} {name}" for number, name in enumerate(names[:10]))
    note = (
        f"labels read as class ids: {visible(ids)}; --labels says what else they mean"
    )
    return Tidied(encoded, (note,))


def find_doubts(df: pd.DataFrame) -> list[Doubt]:
    """What is doubtful about the labels of `df`, each with the way out."""
    counts = Counter(map(stripped, df["Label"]))
    doubts = []
    if empty := counts.pop("", 0):
        what = f"{empty:,} of {len(df):,} messages have no label"
        doubts.append(Doubt(what, DROP_EMPTY))
    if missing := {name: counts[name] for name in missing_labels(counts)}:
        what = f"{sum(missing.values()):,} of {len(df):,} labels look missing"
        way_out = f"{DROP_EMPTY}, or --trust-labels if they are classes"
        doubts.append(Doubt(f"{what} ({in_counts(missing)})", way_out))
    for spellings in variants(counts):
        what = f"labels that differ in case or blanks ({in_counts(spellings)})"
        if len(set(map(visible, map(composed, spellings)))) == 1:
            what = f"labels that look the same, but are not ({in_counts(spellings)})"
        way_out = "add --merge-case to make them one, or --trust-labels to keep them"
        doubts.append(Doubt(what, way_out))
    if lists := list_like(counts):
        what = (
            f"{len(lists):,} of {len(counts):,} classes look like lists of labels "
            f"({brief(', '.join(lists[:3]), 80)})"
        )
        way_out = (
            "spamft knows one label per message; add --trust-labels if each is a class"
        )
        doubts.append(Doubt(what, way_out))
    return doubts


def strip_labels(df: pd.DataFrame) -> Tidied:
    """The messages with no blanks around their labels, and a note if there were any."""
    without = df["Label"].map(stripped)
    changed = df["Label"] != without
    if not changed.any():
        return Tidied(df, ())
    note = f"blanks around {int(changed.sum()):,} labels were taken away"
    return Tidied(df.assign(Label=without), (note,))


def _leave_out(
    df: pd.DataFrame, labels: Iterable[str], what: str, notes: tuple[str, ...]
) -> Tidied:
    """Without the messages of these labels, which a note counts."""
    out = df["Label"].isin(set(labels))
    if not out.any():
        return Tidied(df, notes)
    counts = df.loc[out, "Label"].value_counts()
    count = int(out.sum())
    messages = f"{count:,} message{'s' * (count != 1)}"
    note = f"left out: {messages} {what} ({in_counts(counts)})"
    return Tidied(df[~out], (*notes, note))


def _merge(
    df: pd.DataFrame, notes: tuple[str, ...], names: Sequence[str] = ()
) -> Tidied:
    """Each label as it is spelled in `names`, else in its most frequent spelling."""
    meant, counts = {}, Counter(df["Label"])
    for spellings in variants(dict.fromkeys(names, 0) | counts):
        best = max(spellings, key=lambda name: (name in names, spellings[name], name))
        there = {name: count for name, count in spellings.items() if count}
        meant |= dict.fromkeys(there, best)
        if set(there) - {best}:
            made = f"made one label, {visible(best)}: {in_counts(there)}"
            notes = (*notes, made)
    return Tidied(df.assign(Label=df["Label"].replace(meant)), notes)
