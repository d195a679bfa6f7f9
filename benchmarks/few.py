"""Few labels: balanced draws of messages, the rest to test on, and how draws compare.

messages, drawn -> accuracies, one per draw -> spread, paired, plot_learning_curves
"""

import statistics
from collections.abc import Mapping, Sequence
from itertools import cycle, islice

import numpy as np
import pandas as pd
from scipy import stats

from spamft.data import balance, encode_labels
from spamft.plots.style import Picture, colors, in_percent, paper
from spamft.plumbing.errors import SpamftError
from spamft.sources.splits import PreparedData

__all__ = [
    "DRAWS",
    "SIZES",
    "drawn",
    "messages",
    "paired",
    "plot_learning_curves",
    "spread",
]

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


def plot_learning_curves(
    accuracies: Mapping[str, Mapping[int, Sequence[float]]],
) -> Picture:
    """Accuracy over the number of labelled messages: one line per method, its range.

    `accuracies` has them by method and number of labels, one per draw.
    """
    figure, axes = paper(_curves_in_words(accuracies))
    count = len(accuracies)
    markers = islice(cycle("osD^v<>*pP"), count)
    for (method, by_size), color, marker in zip(
        accuracies.items(), colors(count), markers, strict=True
    ):
        sizes = list(by_size)
        means = [sum(by_size[n]) / len(by_size[n]) for n in sizes]
        lows, highs = ([f(by_size[n]) for n in sizes] for f in (min, max))
        axes.plot(sizes, means, color=color, marker=marker, label=method)
        axes.fill_between(sizes, lows, highs, color=color, alpha=0.12, linewidth=0)
    axes.set_xscale("log", base=2)  # each size is twice the one before
    axes.set_xticks(sizes, [str(n) for n in sizes])
    in_percent(axes)
    axes.set_xlabel("labelled messages to train on")
    axes.set_ylabel("accuracy on the rest (% of messages)")
    axes.legend(frameon=False, loc="lower right")
    return figure


def _curves_in_words(
    accuracies: Mapping[str, Mapping[int, Sequence[float]]],
) -> str:
    methods = [
        f"{method} from {statistics.mean(by[min(by)]):.1%} "
        f"to {statistics.mean(by[max(by)]):.1%}"
        for method, by in accuracies.items()
    ]
    return f"Mean accuracy with more and more labels: {'; '.join(methods)}."
