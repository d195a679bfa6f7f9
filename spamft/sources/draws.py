"""Training sets of growing size, as if labels were collected one by one."""

import numpy as np
import pandas as pd

from spamft.plumbing.errors import SpamftError

__all__ = ["draw_order", "training_sizes"]

SMALLEST = 8  # labels
NEARLY_ALL = 0.8  # above, a set hardly differs from all: 1,024 of 1,045


def training_sizes(labels: pd.Series) -> list[int]:
    """8, 16, 32 ... and all there are; with many classes it begins with two of each.

    A size that is nearly all of them is left out. Raises SpamftError if there are too
    few for more than one.
    """
    size, classes, most = SMALLEST, labels.nunique(), int(NEARLY_ALL * len(labels))
    while size < 2 * classes:
        size *= 2
    if size > most:
        raise SpamftError(
            f"{len(labels)} messages to train on, of {classes} classes, are too few "
            f"for a learning curve, which begins with {size}"
        )
    sizes = []
    while size <= most:
        sizes.append(size)
        size *= 2
    return [*sizes, len(labels)]


def draw_order(df: pd.DataFrame, groups: pd.Series, seed: int) -> np.ndarray:
    """All rows of `df` by place, in an order of which any beginning is a training set.

    So the sets of one seed are nested. The classes take turns, as long as they have
    messages left. The rows of a group, duplicates, follow each other within a class.
    """
    numbers = pd.factorize(groups)[0]
    rank = np.random.default_rng(seed).permutation(numbers.max() + 1)[numbers]
    places = pd.Series(np.argsort(rank, kind="stable"))
    labels = df["Label"].to_numpy()[places]
    turn = places.groupby(labels).cumcount().to_numpy()
    return places.to_numpy()[np.lexsort((labels, turn))]
