"""Find messages that repeat each other, and count where they leak between parts."""

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.feature_extraction.text import CountVectorizer

from spamft.data import Splits
from spamft.plumbing.distinct import number_same
from spamft.reading.frame import check_frame

__all__ = [
    "count_leaks",
    "count_shared",
    "duplicate_groups",
    "duplicate_key",
    "leaked_messages",
    "near_duplicate_groups",
    "put_aside",
]


def duplicate_groups(df: pd.DataFrame) -> pd.Series:
    """Number the messages so that duplicates share a number, on the index of `df`.

    Duplicates are the messages with the same `duplicate_key`.
    """
    check_frame(df, "Text")
    numbers = number_same(_bytes_of(duplicate_key(text)) for text in df["Text"])
    return pd.Series(numbers, index=df.index, name="group")


def duplicate_key(text: str) -> str:
    """What duplicates have in common: the same words in the same order, folded.

    Case, punctuation, symbols, the spaces between words and the digits of numbers do
    not count. A message of nothing but punctuation and symbols is a duplicate only of
    itself.
    """
    return _fold(text) or text


def near_duplicate_groups(
    df: pd.DataFrame, groups: pd.Series | None = None
) -> pd.Series:
    """`duplicate_groups`, joined where messages share half of their four-word runs.

    Half means at least half of the different runs that the two have together. `groups`
    are the duplicate groups of `df`, where they are known already.
    """
    groups = duplicate_groups(df) if groups is None else groups
    first = ~groups.duplicated()  # one message of each group, in the groups' order
    joined = _join_similar(df.loc[first.to_numpy(), "Text"])
    return pd.Series(joined[groups.to_numpy()], index=df.index, name="group")


def count_leaks(splits: Splits) -> dict[str, dict[str, int]]:
    """How many validation and test messages also occur in train, verbatim or folded.

    For example `{"validation": {"exact": 13, "folded": 16}, "test": ...}`; folded as
    in `duplicate_groups`, which includes the exact ones.
    """
    for part in splits:
        check_frame(part, "Text")
    exact, folded = _count_in_train(splits, str), _count_in_train(splits, duplicate_key)
    pairs = zip(("validation", "test"), exact, folded, strict=True)
    return {name: {"exact": same, "folded": alike} for name, same, alike in pairs}


def _count_in_train(splits: Splits, key: Callable[[str], str]) -> list[int]:
    """How many validation and test messages have the key of a training message."""
    ends = np.cumsum([len(part) for part in splits])
    numbers = number_same(_bytes_of(key(t)) for part in splits for t in part["Text"])
    train, *others, _ = np.split(numbers, ends)
    return [int(np.isin(other, train).sum()) for other in others]


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def count_shared(df: pd.DataFrame, other: pd.DataFrame) -> int:
    """How many messages of `df` are duplicates of one of `other`."""
    groups = duplicate_groups(pd.concat([df, other], ignore_index=True))
    return int(groups[: len(df)].isin(groups[len(df) :]).sum())


def leaked_messages(splits: Splits) -> list[str]:
    """The test messages that also occur in train, verbatim, in the order of test."""
    test = splits.test["Text"]
    return test[test.isin(splits.train["Text"])].tolist()


def put_aside(df: pd.DataFrame, splits: Splits) -> pd.DataFrame:
    """The rows of `df` that balancing left out, minus duplicates of rows in `splits`.

    Duplicates are those of `duplicate_groups`; among themselves only the first is kept.
    """
    used = pd.concat(splits)
    both = pd.concat([used[["Text"]], df[["Text"]]], ignore_index=True)
    groups = duplicate_groups(both).to_numpy()
    seen, own = groups[: len(used)], groups[len(used) :]
    fresh = pd.Series(own, index=df.index)
    return df[~fresh.isin(seen).to_numpy() & ~fresh.duplicated().to_numpy()]


def _fold(text: str) -> str:
    kept = (
        c
        for c in text.casefold()
        if c.isspace() or unicodedata.category(c)[0] in "LMN"  # letters, marks, numbers
    )
    return " ".join(re.sub(r"\d+", "0", "".join(kept)).split())


def _join_similar(texts: pd.Series) -> np.ndarray:
    """(N,): a number for each text, shared by texts that are nearly the same."""
    counter = CountVectorizer(
        ngram_range=(4, 4), binary=True, token_pattern=r"\w+", dtype=np.int32
    )
    try:
        runs = counter.fit_transform(texts)
    except ValueError:  # no message has four words
        return np.arange(len(texts))
    used_by = np.asarray(runs.sum(0)).ravel()
    sizes = np.asarray(runs.sum(1)).ravel()
    # very common phrases say nothing about similarity, and would produce too many
    # pairs: n messages with one phrase are n * n / 2 of them, 20,000 for 200
    runs = runs[:, (used_by > 1) & (used_by <= 200)]
    shared = (runs @ runs.T).tocoo()
    union = sizes[shared.row] + sizes[shared.col] - shared.data
    near = (shared.row < shared.col) & (shared.data >= 0.5 * union)
    links = (np.ones(near.sum()), (shared.row[near], shared.col[near]))
    _, joined = connected_components(csr_matrix(links, (len(texts), len(texts))))
    return joined
