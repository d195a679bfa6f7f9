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
from sklearn.metrics import roc_curve

__all__ = ["PATTERNS", "PURE", "Shortcut", "find_shortcuts", "length_accuracy"]

# All after the second line is for other endings than the well-known ones, and it is
# strict, because many who write an SMS leave out the space after a full stop, and
# "i am home.come over" holds no address: there must be a hyphen in the name, an "at"
# before it, or the end of a sentence or a slash after it.
_NAME = r"[a-z0-9-]{5,}\.[a-z]{3,}"
ADDRESS = (
    r"(?:https?://|www\.)\S+"
    r"|\b[\w-]+\.(?:com|co|org|net|uk)\b"
    r"|\b[a-z0-9]+-[a-z0-9-]*\.[a-z]{2,}\b"
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
        counts = ", ".join(f"{n:,} {name}" for name, n in self.counts.items())
        return f"{counts}; means {self.label} to {self.share:.1%}"


def find_shortcuts(df: pd.DataFrame, most: int = 40) -> list[Shortcut]:
    """Patterns and words that occur almost only with one label, or predict it well.

    The `most` accurate ones of those where the label's share could not be chance (an
    exact binomial test, corrected for how many were tried), and which are either
    nearly pure (98 %) or have a balanced accuracy of 70 %.
    """
    names, ids = np.unique(df["Label"], return_inverse=True)
    totals = dict(zip(map(str, names), np.bincount(ids).tolist(), strict=True))
    features = list(_features(df["Text"]))
    found = [
        _as_shortcut(what, ids[rows], totals, tried=len(features))
        for what, rows in features
        if len(rows) >= MIN_MESSAGES
    ]
    kept = [shortcut for shortcut in found if shortcut]
    return sorted(kept, key=lambda shortcut: -shortcut.accuracy)[:most]


def length_accuracy(df: pd.DataFrame) -> float:
    """Balanced accuracy, 0..1, of the best threshold on the number of characters.

    Of several labels it is that of the one which the length predicts best.
    """
    lengths = df["Text"].str.len()
    best = 0.5
    for name in df["Label"].unique():
        false, true, _ = roc_curve(df["Label"] == name, lengths)
        # below 0 where the shorter messages are the label's
        best = max(best, float(1 + abs(true - false).max()) / 2)
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


def _as_shortcut(
    what: str, ids: np.ndarray, totals: dict[str, int], tried: int
) -> Shortcut | None:
    """A feature as a shortcut, if it is one.

    `ids` are the label ids of the messages that have it, in the order of `totals`, the
    number of messages of each label; `tried` is the number of features.
    """
    counts = np.bincount(ids, minlength=len(totals)).tolist()
    rates = [n / total for n, total in zip(counts, totals.values(), strict=True)]
    best = int(np.argmax(rates))
    label, size = list(totals)[best], sum(totals.values())
    share = counts[best] / len(ids)
    false = (len(ids) - counts[best]) / (size - totals[label])
    accuracy = (rates[best] + 1 - false) / 2
    if share < PURE and accuracy < ACCURATE:
        return None
    chance = binom.sf(counts[best] - 1, len(ids), totals[label] / size)
    if chance * tried >= CHANCE:
        return None
    by_label = dict(zip(totals, counts, strict=True))
    return Shortcut(what, by_label, label, share, accuracy)
