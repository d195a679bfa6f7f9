"""Which of many messages to label next: uncertain ones, different from each other.

    candidates = Candidates(500, known)        no duplicates of what is labelled
    candidates.add(texts, margins, features)   again and again: only the best are kept
    choose(candidates.features, 50)            different ones among these

Margin sampling (Settles, 2009), without neighbours. Greedy k-center (Sener and
Savarese, 2018, arXiv 1708.00489), which takes what is farthest from all others, did
worse here than chance: it finds the odd messages, not the useful ones.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.spatial.distance import pdist

from spamft.sources.duplicates import duplicate_key

__all__ = ["Candidates", "choose", "margins"]

NEAR = 0.1  # of the pairs are
SAMPLE = 1000  # candidates whose pairs are measured: half a million


def margins(probabilities: np.ndarray) -> np.ndarray:
    """(N, K) -> (N,): the highest probability less the second; 0 is least certain."""
    ordered = np.sort(probabilities, 1)
    return ordered[:, -1] - ordered[:, -2]


class Candidates:
    """The `most` least certain of all messages that came by, the least certain first.

    None is a duplicate of a message whose `duplicate_key` is in `known`, or of another.
    """

    def __init__(self, most: int, known: Iterable[str] = ()):
        self.most, self._known = most, set(known)
        self.texts: list[str] = []
        self.margins = np.empty(0)
        self.features = np.empty((0, 0))
        self._keys: list[str] = []

    def fresh(self, texts: Iterable[str]) -> list[str]:
        """Those that are neither empty nor duplicates of what is known or kept."""
        seen, chosen = self._known | set(self._keys), []
        for text in texts:
            if text.strip() and (key := duplicate_key(text)) not in seen:
                seen.add(key)
                chosen.append(text)
        return chosen

    def add(
        self, texts: Sequence[str], margins: np.ndarray, features: np.ndarray
    ) -> None:
        """Keep the least certain of these, which are `fresh`, and those from before."""
        texts = [*self.texts, *texts]
        keys = [*self._keys, *map(duplicate_key, texts[len(self._keys) :])]
        before = self.features if self._keys else features[:0]
        margins = np.concatenate([self.margins, margins])
        kept = np.argsort(margins, kind="stable")[: self.most]
        self.texts, self._keys = ([each[i] for i in kept] for each in (texts, keys))
        self.margins = margins[kept]
        self.features = np.concatenate([before, features])[kept]


def choose(features: np.ndarray, count: int) -> np.ndarray:
    """Places of `count` rows of `features` (N, C), which begin with the least certain.

    In this order each is taken unless it is near one that was taken: nearer than nine
    tenths of all pairs are. If that leaves too few, those left out follow.
    """
    if not len(features):
        return np.empty(0, int)
    points = features / (features.std(0) + 1e-9)  # every feature counts alike
    pairs = pdist(points[:SAMPLE], "sqeuclidean")
    near = np.quantile(pairs, NEAR) if len(pairs) else 0.0
    free, chosen = np.ones(len(points), bool), []
    while free.any() and len(chosen) < count:
        place = int(free.argmax())
        chosen.append(place)
        free &= ((points - points[place]) ** 2).sum(1) > near
        free[place] = False
    others = np.setdiff1d(np.arange(len(points)), chosen)
    return np.array([*chosen, *others[: count - len(chosen)]], int)
