"""Messages -> their lengths and labels; a model's parts -> their parameters."""

import pandas as pd

from spamft.plots.style import (
    BLUE,
    NAME,
    ORANGE,
    Picture,
    colors,
    in_percent,
    paper,
    slanted,
    told,
)
from spamft.plumbing.display import brief

__all__ = ["plot_class_counts", "plot_ledger", "plot_lengths"]

OUTLINES = 10  # labels whose lengths are drawn: more hide each other
BARS = 20  # labels whose messages are counted
PARTS = 60  # parts of a model: GPT-2 XL has 52


def plot_lengths(df: pd.DataFrame) -> Picture:
    """How long the messages of each label are, without the longest 1 %.

    Of many labels only the most frequent are drawn.
    """
    lengths = df["Text"].str.len()
    # steps of 10 characters show the peak at an SMS's limit of 160, and the longest
    # 1 % would squeeze all others to the left; more than some hundred bars run together
    longest = int(lengths.quantile(0.99))
    bins = range(0, longest + 10, 10 * (1 + longest // 5000))
    numbers, counts, some = _most_frequent(df, OUTLINES)
    medians = lengths.groupby(df["Label"]).median()
    middle = [f"{brief(name, NAME)} {medians[name]:.0f}" for name in counts.index]
    figure, axes = paper(
        f"Histogram of message lengths; medians: {told(middle)} "
        f"characters{_after(some)}."
    )
    names = figure.written(medians.index)
    for name, color in zip(counts.index, colors(len(counts)), strict=True):
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
            label=names[numbers[name]],
        )
    in_percent(axes)
    axes.set_xlabel("length of the message (characters)")
    axes.set_ylabel("share of the label's messages (%)")
    size = 8 if len(counts) > 6 else None
    axes.legend(frameon=False, title=some or None, fontsize=size)
    return figure


def plot_class_counts(df: pd.DataFrame) -> Picture:
    """How many messages carry each label, or of many labels the most frequent."""
    numbers, counts, some = _most_frequent(df, BARS)
    in_words = [f"{count:,} {brief(name, NAME)}" for name, count in counts.items()]
    wide = max(4.5, 1.2 + 0.45 * len(counts))
    figure, axes = paper(
        f"Bars: {told(in_words, most=BARS)} messages{_after(some)}.", wide, 3.2
    )
    names = figure.written(numbers)
    names = [names[numbers[name]] for name in counts.index]
    bars = axes.bar(
        range(len(counts)),
        counts.to_numpy(),
        color=colors(len(counts)),
        width=0.6,
    )
    room = (wide - 0.8) / len(counts)
    axes.set_xticks(range(len(counts)), names, **slanted(names, room))
    axes.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize=10 if room > 0.6 else 7)
    axes.set_xlabel(some or "label")
    axes.set_ylabel("number of messages")
    axes.margins(y=0.12)  # room for the number on the highest bar
    return figure


def _most_frequent(
    df: pd.DataFrame, most: int
) -> tuple[dict[str, int], pd.Series, str]:
    """The place of each label; the messages of the most frequent ones, in order; and
    which these are, in words, unless they are all."""
    counts = df["Label"].value_counts().sort_index()
    numbers = {name: place for place, name in enumerate(counts.index)}
    chosen = counts[counts.index.isin(counts.nlargest(most).index)]
    some = f"the {most} most frequent of {len(counts):,} labels"
    return numbers, chosen, some if len(counts) > most else ""


def _after(some: str) -> str:
    return f": {some}" if some else ""


def plot_ledger(ledger: pd.DataFrame) -> Picture:
    """Where a model's parameters are: one bar per part, the first one at the bottom.

    `ledger` has the columns `part`, `parameters` and `trains`, in the order in which
    a message goes through the parts.
    """
    trains = ledger["trains"]
    total, trained = ledger["parameters"].sum(), ledger["parameters"][trains].sum()
    in_words = f"Bars of parameters by part of the model: {total:,} in all"
    if trained:
        which = told(brief(part, NAME) for part in ledger["part"][trains])
        in_words += f", {trained:,} of them train: {which}"
    left = len(ledger) - PARTS
    ledger = ledger[:PARTS]
    # inches for the axis, then for each bar as much as a line of its name needs
    figure, axes = paper(f"{in_words}.", height=1.2 + 0.24 * len(ledger))
    axes.set_yticks(range(len(ledger)), figure.written(ledger["part"]))
    for train, color, label in ((True, ORANGE, "trains"), (False, BLUE, "frozen")):
        chosen = ledger["parameters"].where(ledger["trains"] == train, 0)
        if chosen.any():
            axes.barh(range(len(ledger)), chosen, color=color, label=label)
    for place, (count, train) in enumerate(
        zip(ledger["parameters"], ledger["trains"], strict=True)
    ):
        # a small part's bar cannot be seen, so its number tells whether it trains
        shown = {"color": ORANGE, "fontweight": "bold"} if train else {}
        axes.text(count, place, f" {count:,}", va="center", fontsize=8, **shown)
    axes.xaxis.set_major_formatter(lambda count, _: f"{count / 1e6:g}")
    axes.set_xlabel("parameters (millions)")
    more = f" of {PARTS}; {left:,} more" if left > 0 else ""
    axes.set_ylabel(f"part, from first (bottom) to last{more}")
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.16)  # room for the number beside the longest bar
    if trained:
        axes.legend(frameon=False)
    return figure
