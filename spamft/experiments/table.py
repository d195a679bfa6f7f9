"""Results of a comparison -> one table, with intervals and paired tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import binom

from spamft.plumbing.display import in_markdown

__all__ = [
    "best_baseline",
    "interval",
    "markdown",
    "paired_test",
    "readings_table",
    "summarize",
]

Cells = Mapping[str, Sequence[dict]]  # by method, one per seed


def summarize(table: Cells) -> pd.DataFrame:
    """One row per method: means over seeds (of seconds the median), each seed's
    accuracy, and the difference to the best baseline.

    A cell has `right`, 1 or 0 per test message, and its scores and costs. The row of
    the baseline has no difference and no p; without a baseline no row has.
    """
    baseline = best_baseline(table)
    rows = []
    for name, cells in table.items():
        others = None if name == baseline else table.get(baseline)
        rows.append(
            {"method": name}
            | _scores(cells)
            | {"baseline": baseline}
            | _differences(_right(cells), others and _right(others))
            | {f"seed_{k}": c["accuracy"] for k, c in enumerate(cells, start=1)}
        )
    return pd.DataFrame(rows)


def best_baseline(table: Cells) -> str | None:
    """The baseline that is most often right on the validation part.

    The test part would choose the one that was lucky there. Only the cells of baselines
    have `validation`, that accuracy.
    """
    accuracies = {
        name: cells[0]["validation"]
        for name, cells in table.items()
        if "validation" in cells[0]
    }
    return max(accuracies, key=accuracies.get, default=None)


def _scores(cells: Sequence[dict]) -> dict:
    accuracies = [cell["accuracy"] for cell in cells]
    low, high = interval(_right(cells))
    mean = {
        name: float(np.mean([cell[name] for cell in cells]))
        for name in ("accuracy", "mcc", "trained", "file_bytes")
    }
    peaks = [cell["peak_bytes"] for cell in cells if cell["peak_bytes"]]
    return mean | {
        # the median: another program may have run beside one of them
        "seconds": float(np.median([cell["seconds"] for cell in cells])),
        "seeds": len(cells),
        "lowest": min(accuracies),
        "highest": max(accuracies),
        "interval_low": low,
        "interval_high": high,
        "peak_bytes": max(peaks, default=None),
    }


def _differences(right: np.ndarray, others: np.ndarray | None) -> dict[str, float]:
    """The mean difference to `others`, its 95 % interval, and p."""
    found = [np.nan] * 4
    if others is not None:
        apart = right - others.mean(0)
        found = [float(apart.mean()), *interval(apart), paired_test(right, others)]
    names = ("difference", "difference_low", "difference_high", "p_value")
    return dict(zip(names, found, strict=True))


def _right(cells: Sequence[dict]) -> np.ndarray:
    """(seeds, N)"""
    return np.array([cell["right"] for cell in cells])


def interval(right: np.ndarray, draws: int = 4000) -> tuple[float, float]:
    """95 % bootstrap interval, over test messages, of the mean over seeds."""
    per_message, rng = right.mean(0), np.random.default_rng(0)
    count = len(per_message)
    at_once = max(1, 10**6 // count)  # all draws would fill the memory
    means = []
    for done in range(0, draws, at_once):
        drawn = rng.integers(count, size=(min(at_once, draws - done), count))
        means.append(per_message[drawn].mean(1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def paired_test(one: np.ndarray, other: np.ndarray) -> float:
    """Exact two-sided p of two methods that are equally good, on the same messages.

    Each is (N,) or (seeds, N), 1 or 0 per message. A message counts by the share of
    seeds that are right: were neither method better, each difference might as well
    have the other sign. Of one seed each, this is McNemar's test.
    """
    one, other = (np.atleast_2d(each).astype(int) for each in (one, other))
    # in shares of the seeds of both, which makes whole numbers
    apart = one.sum(0) * len(other) - other.sum(0) * len(one)
    sizes, counts = np.unique(np.abs(apart[apart != 0]), return_counts=True)
    chances = np.ones(1)  # of the sum of all that have a plus
    for size, count in zip(sizes, counts, strict=True):
        of_size = np.zeros(size * count + 1)
        of_size[::size] = binom.pmf(range(count + 1), count, 0.5)
        chances = np.convolve(chances, of_size)
    sums = 2 * np.arange(len(chances)) - np.abs(apart).sum()  # less those with a minus
    return min(1.0, float(chances[np.abs(sums) >= abs(apart.sum())].sum()))


def readings_table(table: Cells) -> pd.DataFrame:
    """Of methods that answer in words: how often it parsed, how often it was right."""
    lines = []
    for name, cells in table.items():
        read = [cell["readings"] for cell in cells if "readings" in cell]
        if read:
            lines.append({"method": name} | pd.DataFrame(read).mean().to_dict())
    return pd.DataFrame(lines)


def markdown(frame: pd.DataFrame, in_words: pd.DataFrame, title: str) -> str:
    """Both tables as a page."""
    baseline = next(iter(frame["baseline"].dropna()), None)
    name = "the best baseline" if baseline is None else in_markdown(baseline)
    lines = [
        in_markdown(title),
        "",
        "| method | trained parameters | accuracy (range over seeds) | 95 % interval "
        f"| MCC | points to {name} (95 % interval) | p | seconds | peak memory "
        "| file |",
        "|---" * 10 + "|",
        *map(_line, frame.itertuples()),
        "",
        _about_p(baseline and name),
    ]
    if len(in_words):
        lines += ["", "| answers in words | " + " | ".join(in_words.columns[1:]) + " |"]
        lines.append("|---" * len(in_words.columns) + "|")
        for name, *shares in in_words.itertuples(index=False):
            cells = [in_markdown(name), *(f"{x:.2%}" for x in shares)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _line(row) -> str:
    """One row of the table, as summarize has it."""
    spread = f" ({row.lowest:.1%} to {row.highest:.1%})" if row.seeds > 1 else ""
    peak = "" if pd.isna(row.peak_bytes) else f"{row.peak_bytes / 1e6:,.0f} MB"
    points = p = ""
    if not pd.isna(row.p_value):
        ends = row.difference, row.difference_low, row.difference_high
        points = "{:+.1f} ({:+.1f} to {:+.1f})".format(*(100 * x for x in ends))
        p = f"{row.p_value:.2g}"
    return (
        f"| {in_markdown(row.method)} | {row.trained:,.0f} "
        f"| {row.accuracy:.2%}{spread} "
        f"| {row.interval_low:.1%} to {row.interval_high:.1%} | {row.mcc:.3f} "
        f"| {points} | {p} "
        f"| {row.seconds:.1f} | {peak} | {row.file_bytes / 1e6:.2f} MB |"
    )


def _about_p(baseline: str | None) -> str:
    """What the table's differences are."""
    if baseline is None:
        return "No baseline was run, so there is nothing to test against."
    return (
        f"{baseline} is the baseline that was most often right on the validation part. "
        "The points to it are the mean over seeds, and p is of a paired test on the "
        "same test messages, each counting by the share of seeds that are right (of "
        "one seed: McNemar's test). Both are about other test messages, not other "
        "training messages; p is not corrected for the number of methods."
    )
