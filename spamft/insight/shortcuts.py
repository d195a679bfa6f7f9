"""Simple features that predict the label: a pattern, a word, an ending, the length.

A model that learns one of them scores well on these messages and fails on others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom
from sklearn.feature_extraction.text import CountVectorizer

from spamft.insight.patterns import PATTERNS, PLACES
from spamft.plumbing.display import in_counts, visible
from spamft.plumbing.errors import SpamftError

__all__ = [
    "PATTERNS",
    "PURE",
    "Shortcut",
    "find_shortcuts",
    "length_accuracy",
    "place_table",
]

MIN_MESSAGES = 20  # fewer are no shortcut to a model, nor a safe finding to us
PURE = 0.98  # share of one label, from which a feature nearly gives it away
ACCURATE = 0.7  # balanced accuracy that a model may be content with; guessing has 0.5
# Of thousands of words some predict the label by luck. Bonferroni keeps the chance of
# even one such finding, in a whole audit, below this.
CHANCE = 1e-6


@dataclass(frozen=True, eq=False)  # one of a kind, though its counts are a dict
class Shortcut:
    """A simple feature that predicts the label, and so may be all that a model learns.

    Its string is the finding in words.
    """

    what: str
    counts: dict[str, int]  # label -> messages that have it
    label: str  # that it points to
    share: float  # of the messages that have it, 0..1
    accuracy: float  # balanced, of predicting the label where it occurs, 0..1

    def __str__(self) -> str:
        return (
            f"{in_counts(self.counts)}; means {visible(self.label)} to {self.share:.1%}"
        )


def find_shortcuts(df: pd.DataFrame, most: int = 40) -> list[Shortcut]:
    """Patterns, places and words that occur with one label only, or predict it well.

    The `most` accurate ones of those where the label's share could not be chance (an
    exact binomial test, corrected for how many were tried), and which are either
    nearly pure (98 %) or have a balanced accuracy of 70 %.
    """
    names, ids = np.unique(df["Label"], return_inverse=True)
    totals = np.bincount(ids)
    features = list(_features(df["Text"]))
    found = []
    for what, rows in features:
        if len(rows) < MIN_MESSAGES:
            continue
        pointed = _points_to(ids[rows], totals)
        if pointed.is_shortcut(len(features)):
            found.append((what, rows, pointed))
    found = sorted(found, key=lambda each: -each[-1].accuracy)[:most]
    return [_shortcut(what, ids[rows], names, points) for what, rows, points in found]


def place_table(df: pd.DataFrame) -> list[Shortcut]:
    """What each beginning and ending alone predicts, whether a shortcut or not.

    In the order of PLACES; one that no message has predicts nothing and is left out.
    Raises SpamftError for fewer than two labels.
    """
    names, ids = np.unique(df["Label"], return_inverse=True)
    if len(names) < 2:
        raise SpamftError(f"to predict a label takes two of them, not {len(names)}")
    totals = np.bincount(ids)
    return [
        _shortcut(what, ids[rows], names, _points_to(ids[rows], totals))
        for what, rows in _places(df["Text"])
        if len(rows)
    ]


def length_accuracy(df: pd.DataFrame) -> float:
    """Balanced accuracy, 0..1, of the best threshold on the number of characters.

    Of several labels it is that of the one which the length predicts best.
    """
    _, lengths = np.unique(df["Text"].str.len(), return_inverse=True)  # as ranks
    _, ids = np.unique(df["Label"], return_inverse=True)
    totals, everyone = np.bincount(ids), np.sort(lengths)
    # sorted by label and then by length, all labels in one go: a loop over thousands of
    # labels, each with all messages, would take minutes
    codes = ids * np.int64(len(lengths)) + lengths
    own, starts = np.sort(codes), np.cumsum(totals) - totals
    best = 0.5
    # for a fixed number of a label's messages below the threshold, the most of others
    # lie below one of its own lengths, and the fewest up to one
    for side in ("left", "right"):
        mine = np.searchsorted(own, codes, side) - starts[ids]
        others = np.searchsorted(everyone, lengths, side) - mine
        true, false = mine / totals[ids], others / (len(ids) - totals[ids])
        # a negative difference: the shorter messages are the label's
        best = max(best, float(1 + np.abs(true - false).max()) / 2)
    return best


def _features(texts: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    """Each feature, and the rows of the messages that have it."""
    for what, pattern in PATTERNS.items():
        regex = re.compile(pattern)  # some pandas strings know no lookbehind
        yield what, np.flatnonzero([bool(regex.search(text)) for text in texts])
    yield from _places(texts)
    counter = CountVectorizer(
        binary=True, min_df=MIN_MESSAGES, token_pattern=r"(?u)[^\W\d_]+|[^\w\s]"
    )
    try:
        present = counter.fit_transform(texts).tocsc()
    except ValueError:  # no word is frequent enough
        return
    for word, column in counter.vocabulary_.items():
        start, end = present.indptr[column : column + 2]
        yield f"{word!r}", present.indices[start:end]


def _places(texts: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    for what, place in PLACES.items():
        yield what, np.flatnonzero([place.holds(text) for text in texts])


class _Points(NamedTuple):
    """The label that a feature points to."""

    label: int  # its id
    count: int  # of its messages that have the feature
    of: int  # messages that have it
    usual: float  # share of the label among all messages
    accuracy: float  # balanced

    @property
    def share(self) -> float:
        return self.count / self.of

    def is_shortcut(self, tried: int) -> bool:
        """Whether it tells the label, and not by luck among so many that were tried."""
        if self.share < PURE and self.accuracy < ACCURATE:
            return False
        chance = binom.sf(self.count - 1, self.of, self.usual)
        return bool(chance * tried < CHANCE)


def _points_to(ids: np.ndarray, totals: np.ndarray) -> _Points:
    """Of the label ids of the messages with a feature, and all messages per label."""
    # only of labels that occur: of thousands, most do not
    present, counts = np.unique(ids, return_counts=True)
    rates = counts / totals[present]
    first = int(np.argmax(rates))
    best, count, size = int(present[first]), int(counts[first]), int(totals.sum())
    total = int(totals[best])
    false = (len(ids) - count) / (size - total)
    accuracy = float(rates[first] + 1 - false) / 2
    return _Points(best, count, len(ids), total / size, accuracy)


def _shortcut(
    what: str, ids: np.ndarray, names: np.ndarray, points: _Points
) -> Shortcut:
    words = list(map(str, names))
    counts = np.bincount(ids, minlength=len(words)).tolist()
    by_label = dict(zip(words, counts, strict=True))
    return Shortcut(what, by_label, words[points.label], points.share, points.accuracy)
