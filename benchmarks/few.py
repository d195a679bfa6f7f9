"""Few labels: balanced draws of messages, the rest to test on, and how draws compare.

messages, drawn -> accuracies, one per draw -> spread, paired
"""

import statistics
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from spamft.data import balance, encode_labels
from spamft.plumbing.errors import SpamftError
from spamft.sources.splits import PreparedData

__all__ = ["DRAWS", "SIZES", "drawn", "messages", "paired", "spread"]

SIZES, DRAWS = (16, 32, 64, 128), 10


def messages(data: PreparedData) -> pd.DataFrame:
    """All of them, balanced as in the lecture, with class ids; numbered from 0."""
    df = encode_labels(balance(data.df), data.names)
    return df.reset_index(drop=True)


def drawn(df: pd.DataFrame, n: int, draw: int) -> np.ndarray:
    """Rows of n of these messages, as many of each class, shuffled.

    Raises SpamftError if the classes cannot have as many each, and leave some.
    """
    classes, rarest = df["Label"].nunique(), df["Label"].value_counts().min()
    if n % classes or n // classes >= rarest:
        raise SpamftError(
            f"{n} labels: {classes} classes of {rarest:,} messages cannot have as many "
            "each and leave some to test on; choose other --sizes"
        )
    rows = df.groupby("Label").sample(n // classes, random_state=draw)
    return rows.sample(frac=1, random_state=draw).index.to_numpy()


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation of accuracies."""
    return f"{statistics.mean(values):.1%} ± {statistics.stdev(values):.1%}"


def paired(first: Sequence[float], second: Sequence[float]) -> str:
    """Mean difference over the draws, with Student's 95 % interval, in points."""
    differences = [100 * (a - b) for a, b in zip(first, second, strict=True)]
    mean, count = statistics.mean(differences), len(differences)
    error = statistics.stdev(differences) / count**0.5
    half = stats.t.ppf(0.975, count - 1) * error
    return f"{mean:+.1f} ({mean - half:+.1f} to {mean + half:+.1f})"
