"""Messages -> their lengths and labels; a model's parts -> their parameters."""

import pandas as pd

from spamft.plots.style import (
    BLUE,
    ORANGE,
    Picture,
    colors,
    in_percent,
    literal,
    paper,
)

__all__ = ["plot_class_counts", "plot_ledger", "plot_lengths"]


def plot_lengths(df: pd.DataFrame) -> Picture:
    """How long the messages of each label are, without the longest 1 %."""
    lengths = df["Text"].str.len()
    # steps of 10 characters show the peak at an SMS's limit of 160, and the longest
    # 1 % would squeeze all others to the left
    bins = range(0, int(lengths.quantile(0.99)) + 10, 10)
    medians = lengths.groupby(df["Label"]).median()
    names = list(medians.index)
    middle = ", ".join(f"{name} {medians[name]:.0f}" for name in names)
    figure, axes = paper(f"Histogram of message lengths; medians: {middle} characters.")
    for name, color in zip(names, colors(len(names)), strict=True):
        chosen = lengths[df["Label"] == name]
        axes.hist(
            chosen,
            bins=bins,
            weights=[1 / len(chosen)] * len(chosen),
            histtype="stepfilled",
            alpha=0.45,
            edgecolor=color,
            color=color,
            linewidth=1.5,
            label=literal(name),
        )
    in_percent(axes)
    axes.set_xlabel("length of the message (characters)")
    axes.set_ylabel("share of the label's messages (%)")
    axes.legend(frameon=False)
    return figure


def plot_class_counts(df: pd.DataFrame) -> Picture:
    """How many messages carry each label."""
    counts = df["Label"].value_counts().sort_index()
    in_words = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    figure, axes = paper(f"Bars: {in_words} messages.", 4.5, 3.2)
    bars = axes.bar(
        range(len(counts)),
        counts.to_numpy(),
        color=colors(len(counts)),
        width=0.6,
    )
    axes.set_xticks(range(len(counts)), map(literal, counts.index))
    axes.bar_label(bars, fmt="{:,.0f}", padding=2)
    axes.set_xlabel("label")
    axes.set_ylabel("number of messages")
    axes.margins(y=0.12)  # room for the number on the highest bar
    return figure


def plot_ledger(ledger: pd.DataFrame) -> Picture:
    """Where a model's parameters are: one bar per part, the first one at the bottom.

    `ledger` has the columns `part`, `parameters` and `trains`, in the order in which
    a message goes through the parts.
    """
    trains = ledger["trains"]
    total, trained = ledger["parameters"].sum(), ledger["parameters"][trains].sum()
    in_words = f"Bars of parameters by part of the model: {total:,} in all"
    if trained:
        in_words += f", {trained:,} of them train: {', '.join(ledger['part'][trains])}"
    # inches for the axis, then for each bar as much as a line of its name needs
    figure, axes = paper(f"{in_words}.", height=1.2 + 0.24 * len(ledger))
    for train, color, label in ((True, ORANGE, "trains"), (False, BLUE, "frozen")):
        chosen = ledger["parameters"].where(trains == train, 0)
        if chosen.any():
            axes.barh(ledger["part"], chosen, color=color, label=label)
    for place, count in enumerate(ledger["parameters"]):
        axes.text(count, place, f" {count:,}", va="center", fontsize=8)
    axes.xaxis.set_major_formatter(lambda count, _: f"{count / 1e6:g}")
    axes.set_xlabel("parameters (millions)")
    axes.set_ylabel("part, from first (bottom) to last")
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.16)  # room for the number beside the longest bar
    if trained:
        axes.legend(frameon=False)
    return figure
