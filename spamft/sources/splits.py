"""A name or a file -> messages to train on: balanced, numbered, in three parts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from spamft.data import Splits, balance, encode_labels, label_names, random_split
from spamft.plumbing.display import brief, in_counts, naming, visible
from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.sources.duplicates import count_leaks, duplicate_groups
from spamft.sources.labels import LabelRules, read_as, strip_labels, tidy_labels
from spamft.sources.messages import open_messages

__all__ = ["PreparedData", "open_splits"]

STRATIFY_BELOW = 100  # messages of the rarest class


class PreparedData(NamedTuple):
    """Messages made ready to train on, and how they were before."""

    df: pd.DataFrame  # as opened, with labels as words
    source: str
    names: tuple[str, ...]  # of the labels, by class id
    splits: Splits  # with class ids
    balanced: bool = True  # every class undersampled to the rarest
    lecture: bool = False  # read and cut as the lecture does
    seed: int = 123  # of balancing and cutting
    notes: tuple[str, ...] = ()  # what was left out or changed on the way
    text_columns: tuple[str, ...] = ()  # of the file, where they had to be named

    @property
    def leaks(self) -> dict[str, dict[str, int]]:
        """Messages in more than one part, as `count_leaks` counts them."""
        return count_leaks(self.splits)

    def __str__(self) -> str:
        classes = in_counts(self.df["Label"].value_counts())
        sizes = " / ".join(f"{len(part):,}" for part in self.splits)
        return (
            f"{visible(self.source)}: {len(self.df):,} messages ({classes}); "
            f"train / validation / test {sizes}"
        )


def open_splits(
    data: str | Path = "auto",
    *,
    validation: str | Path | None = None,
    test: str | Path | None = None,
    lecture: bool = False,
    balanced: bool = True,
    layout: Layout = Layout(),  # noqa: B008, it is frozen
    rules: LabelRules = LabelRules(),  # noqa: B008, it is frozen
    cache_dir: Path | str = "data",
    seed: int = 123,
    progress: bool = False,
) -> PreparedData:
    """Open messages, balance them, number their labels and cut them 70 / 10 / 20.

    Duplicates are kept in one part, and rare classes are in each as far as they go;
    `lecture=True` gives the lecture's three parts to the row instead, leaks included.
    `balanced=False` keeps all rows. `validation` and `test` are files that bring their
    own parts: what would be cut for them stays in train. Doubtful labels are refused,
    or treated by `rules`. The rest is as in `open_messages`.
    """
    df, source = open_messages(
        data, lecture=lecture, layout=layout, cache_dir=cache_dir, progress=progress
    )
    own = {"validation": validation, "test": test}
    with naming(data):
        rare = strip_labels(df).df["Label"]
        df, notes = tidy_labels(df, rules)
        names = label_names(df)
        rare = set(rare) - set(names) if rules.min_per_class > 1 else set()
        _check_rarest(df, balanced)
        used = encode_labels(balance(df, seed=seed) if balanced else df, names)
        notes += _note_on_balancing(df, used)
        splits = _cut(used, lecture, seed, enough=all(own.values()))
    for name, path in own.items():
        if path is not None:
            part, note = _own_part(Path(path), names, rare, layout, rules)
            splits = _with_part(splits, name, part)
            notes += tuple(f"{name}: {line}" for line in note)
    notes += _notes_on_classes(splits, names)
    return PreparedData(
        *(df, source, names, splits, balanced, lecture, seed, notes), layout.texts
    )


def _check_rarest(df: pd.DataFrame, balanced: bool) -> None:
    """Raise SpamftError if balancing would leave one message of each class."""
    counts = df["Label"].value_counts()
    if not balanced or counts.min() > 1:
        return
    single = counts[counts == 1]
    raise SpamftError(
        f"{len(single):,} of {len(counts):,} classes have one message "
        f"({brief(', '.join(single.index), 80)}), and balancing keeps as many of each: "
        "add --min-per-class 2, or more, to leave such classes out, or --no-balance to "
        "keep all rows"
    )


def _note_on_balancing(df: pd.DataFrame, used: pd.DataFrame) -> tuple[str, ...]:
    if len(used) == len(df):
        return ()
    counts = df["Label"].value_counts()
    rarest = visible(str(counts.index[-1]))
    note = (
        f"balanced to the rarest, {rarest}: {len(used):,} of {len(df):,} messages used"
    )
    if len(used) < len(df) / 2:
        note += "; --no-balance keeps all of them"
    return (note,)


def _cut(used: pd.DataFrame, lecture: bool, seed: int, *, enough: bool) -> Splits:
    """Three parts of the messages; all three empty but train if that is `enough`."""
    if enough:
        return Splits(used.reset_index(drop=True), used[:0], used[:0])
    if lecture:
        return random_split(used, seed=seed)
    groups = duplicate_groups(used)
    # hundreds of rows of each class are spread evenly by chance
    rare = used["Label"].value_counts().min() < STRATIFY_BELOW
    try:
        return random_split(used, groups=groups, stratified=bool(rare), seed=seed)
    except SpamftError as error:
        counts = used["Label"].value_counts()
        if groups.nunique() > len(used) / 2:
            raise SpamftError(
                f"{error}, and the rarest of {len(counts):,} classes has "
                f"{counts.min():,} messages: add --min-per-class to leave such out, "
                "--no-balance to keep all rows of the others, or bring your own parts "
                "with --validation and --test"
            ) from error
        raise SpamftError(
            f"{len(used):,} messages are only {groups.nunique():,} but for digits, "
            "case and symbols. Such duplicates stay in one part, which leaves another "
            "empty: bring your own parts with --validation and --test, or add "
            "--lecture to cut at random, leaks included"
        ) from error


def _own_part(
    path: Path,
    names: tuple[str, ...],
    rare: set[str],
    layout: Layout,
    rules: LabelRules,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The messages of a file with class ids, without those of the `rare` classes that
    the data left out, and notes on it."""
    df, _ = open_messages(path, layout=layout)
    with naming(path):
        df, notes = tidy_labels(df, replace(rules, min_per_class=1), names)
        out = df["Label"].isin(rare)
        if out.any():
            notes = (*notes, f"left out: {out.sum():,} messages of classes left out")
        if out.all():
            raise SpamftError("no message of the classes that are trained is left")
        df, more = read_as(df[~out].reset_index(drop=True), names)
    return df, (*notes, *more)


def _with_part(splits: Splits, name: str, part: pd.DataFrame) -> Splits:
    """`splits` with `part` under that name; what was cut for it goes to train."""
    cut = getattr(splits, name)
    train = pd.concat([splits.train, cut], ignore_index=True)
    return splits._replace(**{"train": train, name: part})


def _notes_on_classes(splits: Splits, names: Sequence[str]) -> tuple[str, ...]:
    """Which classes a part lacks. Raises SpamftError if that part is train."""
    notes = []
    for part, df in splits._asdict().items():
        there = set(df["Label"])
        absent = [name for number, name in enumerate(names) if number not in there]
        if absent and part == "train":
            raise SpamftError(
                f"{brief(', '.join(absent), 80)}: no training message, since their "
                "few, or all that repeat each other, are in another part: add "
                "--min-per-class to leave such classes out"
            )
        if absent:
            shown = brief(", ".join(absent), 80)
            which = f"{len(absent):,} of {len(names):,} classes: {shown}"
            notes.append(f"no {part} message of {which}")
    return tuple(notes)
