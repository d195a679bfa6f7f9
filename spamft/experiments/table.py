"""Results of a comparison -> one table, with intervals and significance tests."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from spamft.plumbing.display import in_markdown

__all__ = ["interval", "markdown", "mcnemar", "readings_table", "summarize"]


def summarize(table: Mapping[str, Sequence[dict]]) -> pd.DataFrame:
    """One row per method: means over seeds (of seconds the median), range, interval,
    and McNemar's test.

    Every method has one cell per seed, with `right`, 1 or 0 per test message, and its
    scores and costs. The test is against the row above.
    """
    rows, before = [], None
    for name, cells in table.items():
        accuracies = [cell["accuracy"] for cell in cells]
        right = np.array([cell["right"] for cell in cells])  # (seeds, N)
        low, high = interval(right)
        votes = right.mean(0) > 0.5
        mean = {
            name: float(np.mean([cell[name] for cell in cells]))
            for name in ("accuracy", "mcc", "trained", "file_bytes")
        }
        # the median: another program may have run beside one of them
        mean["seconds"] = float(np.median([cell["seconds"] for cell in cells]))
        peaks = [cell["peak_bytes"] for cell in cells if cell["peak_bytes"]]
        rows.append(
            {
                "method": name,
                **mean,
                "seeds": len(cells),
                "lowest": min(accuracies),
                "highest": max(accuracies),
                "interval_low": low,
                "interval_high": high,
                "peak_bytes": max(peaks, default=None),
                "mcnemar_p": None if before is None else mcnemar(before, votes),
            }
        )
        before = votes
    return pd.DataFrame(rows)


def interval(right: np.ndarray, draws: int = 4000) -> tuple[float, float]:
    """95 % bootstrap interval, over test messages, of the mean over seeds."""
    per_message = right.mean(0)
    drawn = np.random.default_rng(0).integers(
        len(per_message), size=(draws, len(per_message))
    )
    low, high = np.quantile(per_message[drawn].mean(1), [0.025, 0.975])
    return float(low), float(high)


def mcnemar(one: np.ndarray, other: np.ndarray) -> float:
    """Exact McNemar test, on the messages that exactly one of the two gets right."""
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    if only_one + only_other == 0:
        return 1.0
    return float(binomtest(only_one, only_one + only_other).pvalue)


def readings_table(table: Mapping[str, Sequence[dict]]) -> pd.DataFrame:
    """Of methods that answer in words: how often it parsed, how often it was right."""
    lines = []
    for name, cells in table.items():
        read = [cell["readings"] for cell in cells if "readings" in cell]
        if read:
            lines.append({"method": name} | pd.DataFrame(read).mean().to_dict())
    return pd.DataFrame(lines)


def markdown(frame: pd.DataFrame, in_words: pd.DataFrame, title: str) -> str:
    """Both tables as a page."""
    lines = [
        in_markdown(title),
        "",
        "| method | trained parameters | accuracy (range over seeds) | 95 % interval "
        "| MCC | p to the row above | seconds | peak memory | file |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for each in frame.itertuples():
        spread = f" ({each.lowest:.1%} to {each.highest:.1%})" if each.seeds > 1 else ""
        peak = "" if pd.isna(each.peak_bytes) else f"{each.peak_bytes / 1e6:,.0f} MB"
        p = "" if pd.isna(each.mcnemar_p) else f"{each.mcnemar_p:.2g}"
        lines.append(
            f"| {in_markdown(each.method)} | {each.trained:,.0f} "
            f"| {each.accuracy:.2%}{spread} "
            f"| {each.interval_low:.1%} to {each.interval_high:.1%} | {each.mcc:.3f} "
            f"| {p} | {each.seconds:.1f} | {peak} | {each.file_bytes / 1e6:.2f} MB |"
        )
    if len(in_words):
        lines += ["", "| answers in words | " + " | ".join(in_words.columns[1:]) + " |"]
        lines.append("|---" * len(in_words.columns) + "|")
        for name, *shares in in_words.itertuples(index=False):
            cells = [in_markdown(name), *(f"{x:.2%}" for x in shares)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
