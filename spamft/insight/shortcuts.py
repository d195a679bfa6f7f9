"""Simple features that predict the label: a pattern, a word, the length.

A model that learns one of them scores well on these messages and fails on others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom
from sklearn.feature_extraction.text import CountVectorizer

from spamft.plumbing.display import in_counts, visible

__all__ = ["PATTERNS", "PURE", "Shortcut", "find_shortcuts", "length_accuracy"]

# All after the second line is for other endings than the well-known ones, and it is
# strict, because many who write an SMS leave out the space after a full stop, and
# "i am home.come over" holds no address: there must be a hyphen in the name, an "at"
# before it, or the end of a sentence or a slash after it.
#
# A repetition that can begin at many places has a bound, so that a search takes steps
# in proportion to the text, whatever that repeats: 63 is the most characters that the
# domain name system allows between two dots.
_NAME = r"[a-z0-9-]{5,63}\.[a-z]{3,63}"
ADDRESS = (
    r"(?:https?://|www\.)\S+"
    r"|\b[\w-]{1,63}\.(?:com|co|org|net|uk)\b"
    r"|\b[a-z0-9]{1,63}-[a-z0-9-]{0,63}\.[a-z]{2,63}\b"
    rf"|(?<=\bat ){_NAME}|\b{_NAME}(?=/|[.,!?:;)]|\s*$)"
)
PATTERNS = {
    "HTML entity": r"&(?:[a-z]+|#\d+);",
    "web address": ADDRESS,
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
    """Patterns and words that occur almost only with one label, or predict it well.

    The `most` accurate ones of those where the label's share could not be chance (an
    exact binomial test, corrected for how many were tried), and which are either
    nearly pure (98 %) or have a balanced accuracy of 70 %.
    """
    names, ids = np.unique(df["Label"], return_inverse=True)
    totals, words = np.bincount(ids), list(map(str, names))
    features = list(_features(df["Text"]))
    found = []
    for what, rows in features:
        if len(rows) < MIN_MESSAGES:
            continue
        if pointed := _points_to(ids[rows], totals, len(features)):
            found.append((what, rows, *pointed))
    found = sorted(found, key=lambda each: -each[-1])[:most]
    shortcuts = []
    for what, rows, best, share, accuracy in found:
        counts = np.bincount(ids[rows], minlength=len(words)).tolist()
        by_label = dict(zip(words, counts, strict=True))
        shortcuts.append(Shortcut(what, by_label, words[best], share, accuracy))
    return shortcuts


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


def _points_to(
    ids: np.ndarray, totals: np.ndarray, tried: int
) -> tuple[int, float, float] | None:
    """(label id, its share, balanced accuracy) of a feature, if it is a shortcut.

    `ids` are the label ids of the messages that have it, `totals` the messages of each
    label; `tried` is the number of features.
    """
    # only of labels that occur: of thousands, most do not
    present, counts = np.unique(ids, return_counts=True)
    rates = counts / totals[present]
    first = int(np.argmax(rates))
    best, count, size = int(present[first]), int(counts[first]), int(totals.sum())
    total, share = int(totals[best]), count / len(ids)
    false = (len(ids) - count) / (size - total)
    accuracy = float(rates[first] + 1 - false) / 2
    if share < PURE and accuracy < ACCURATE:
        return None
    chance = binom.sf(count - 1, len(ids), total / size)
    return None if chance * tried >= CHANCE else (best, share, accuracy)
