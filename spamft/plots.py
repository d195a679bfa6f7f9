"""History, report or messages -> a matplotlib figure; the only module that draws.

Every figure is a `Picture`: a notebook shows it as it is, and its `alt` says in words
what it shows.
"""

import math
from base64 import b64encode
from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image  # matplotlib's own dependency

from spamft.evaluate import Report
from spamft.train import Record

__all__ = [
    "BLUE",
    "GREY",
    "ORANGE",
    "Picture",
    "paper",
    "plot_accuracy",
    "plot_class_counts",
    "plot_comparison",
    "plot_confusion",
    "plot_costs",
    "plot_learning_curves",
    "plot_ledger",
    "plot_lengths",
    "plot_loss",
    "plot_precision_recall",
    "plot_reliability",
]

# Two hues that differ in brightness too, and read on white and on dark paper
BLUE, ORANGE, GREY = "#3b6fd4", "#e8871e", "#8a8a8a"
PAPER = "#fbfbf8"  # a card of its own, so that dark pages do not swallow the ink


class Picture(Figure):
    """A figure with words for those who cannot see it, shown by Jupyter as a PNG."""

    alt: str = ""

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """What Jupyter asks for: the picture, and the words in its place."""
        full, small = BytesIO(), BytesIO()
        self.savefig(full, format="png", dpi=100)
        # few colours are used: a palette makes a notebook's file a third as large
        Image.open(full).convert("RGB").quantize(256).save(small, "PNG", optimize=True)
        bundle = {
            "image/png": b64encode(small.getvalue()).decode(),
            "text/plain": self.alt or repr(self),
        }
        return bundle, {"image/png": {"alt": self.alt}}


def paper(
    alt: str = "", width: float = 6.0, height: float = 3.8
) -> tuple[Picture, Axes]:
    """An empty figure in this package's style, in inches, and its axes to draw on.

    `alt` says in a sentence what will be seen on it.
    """
    figure = Picture(figsize=(width, height), layout="constrained", facecolor=PAPER)
    figure.alt = alt
    axes = figure.add_subplot()
    _style(axes)
    return figure, axes


def _style(axes: Axes) -> None:
    axes.set_facecolor(PAPER)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)


def plot_loss(history: Sequence[Record]) -> Picture:
    """Training and validation loss over epochs and, on top, examples seen."""
    return _curves(
        history,
        [r.train_loss for r in history],
        [r.validation_loss for r in history],
        "loss (nats per message)",
        "{:.3f}",
    )


def plot_accuracy(history: Sequence[Record]) -> Picture:
    """Training and validation accuracy over epochs and, on top, examples seen."""
    figure = _curves(
        history,
        [r.train_accuracy for r in history],
        [r.validation_accuracy for r in history],
        "accuracy (% of messages)",
        "{:.1%}",
    )
    figure.axes[0].yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    return figure


def plot_reliability(tables: Mapping[str, np.ndarray]) -> Picture:
    """How often a model is right when it is so sure: one line a table.

    A table is `evaluate.reliability`'s: certainty, share right and answers, by bin.
    """
    words = []
    figure, axes = paper()
    axes.plot([50, 100], [50, 100], color=GREY, linewidth=1, label="honest")
    for (name, table), color in zip(tables.items(), (BLUE, ORANGE, GREY), strict=False):
        sure, right, count = table[table[:, 2] > 0].T
        axes.plot(sure * 100, right * 100, color=color, linewidth=1.5, label=name)
        axes.scatter(sure * 100, right * 100, s=8 + 2 * count**0.75, color=color)
        words.append(f"{name}: {sure[-1]:.0%} sure, {right[-1]:.0%} right")
    figure.alt = f"Accuracy over certainty; in the surest bin {'; '.join(words)}."
    axes.set_xlabel("how sure the model is (%)")
    axes.set_ylabel("how often it is right (%)")
    axes.legend(frameon=False)
    return figure


def plot_precision_recall(
    curve: pd.DataFrame, shares: Sequence[float] = (0.5, 0.13, 0.01)
) -> Picture:
    """Precision over recall, a line for each share of spam in the mail.

    `curve` has the columns recall and false_positives, a line a threshold.
    """
    figure, axes = paper()
    words = []
    for share, color in zip(shares, (BLUE, ORANGE, GREY), strict=False):
        caught = share * curve["recall"]
        called = caught + (1 - share) * curve["false_positives"]
        some = called > 0
        precision = caught[some] / called[some]
        axes.plot(
            curve["recall"][some] * 100,
            precision * 100,
            color=color,
            label=f"{share:.0%} of the mail is spam",
        )
        at_90 = precision[curve["recall"][some] >= 0.9].max()
        words.append(f"{at_90:.0%} at {share:.0%} spam")
    figure.alt = f"Precision over recall; precision at 90 % recall: {', '.join(words)}."
    axes.set_xlabel("recall: spam that is caught (%)")
    axes.set_ylabel("precision: caught that is spam (%)")
    axes.legend(frameon=False, loc="lower left")
    return figure


def plot_costs(thresholds: Sequence[float], by_name: Mapping[str, Sequence]) -> Picture:
    """The cost per 1,000 messages over the threshold, a line a name, lowest marked."""
    figure, axes = paper()
    words = []
    for (name, cost), color in zip(by_name.items(), (BLUE, ORANGE, GREY), strict=False):
        per_thousand = 1000 * np.asarray(cost)
        best = int(per_thousand.argmin())
        axes.plot(thresholds, per_thousand, color=color, label=name)
        axes.plot(thresholds[best], per_thousand[best], "o", color=color)
        words.append(f"{name} {per_thousand[best]:.1f} at {thresholds[best]:.2f}")
    figure.alt = f"Cost over threshold; the lowest: {'; '.join(words)}."
    axes.set_xlabel("spam if the probability is above")
    axes.set_ylabel("cost per 1,000 messages (missed spam = 1)")
    axes.legend(frameon=False)
    return figure


def plot_confusion(report: Report, label_names: Sequence[str]) -> Picture:
    """How many messages of each class were given to which class."""
    said = [
        f"of {sum(row):,} {name} messages {row[k]:,} were called {name}"
        for k, (name, row) in enumerate(zip(label_names, report.confusion, strict=True))
    ]
    figure, axes = paper(
        f"Confusion matrix: {'; '.join(said)}.",
        1.6 + 0.9 * len(label_names),
        1.3 + 0.8 * len(label_names),
    )
    axes.imshow(_row_shares(report.confusion), cmap="Blues", vmin=0, vmax=1)
    for true, row in enumerate(report.confusion):
        for said, count in enumerate(row):
            dark = count > 0.55 * max(1, sum(row))
            axes.text(
                said,
                true,
                f"{count:,}",
                ha="center",
                va="center",
                fontsize=12,
                color="white" if dark else "#222222",
            )
    axes.set_xticks(range(len(label_names)), label_names)
    axes.set_yticks(range(len(label_names)), label_names)
    axes.set_xlabel("the model's label (messages)")
    axes.set_ylabel("true label (messages)")
    axes.grid(False)
    return figure


def plot_learning_curves(
    accuracies: Mapping[str, Mapping[int, Sequence[float]]],
) -> Picture:
    """Accuracy over the number of labelled messages: way -> number -> one per draw."""
    figure, axes = paper(_curves_in_words(accuracies))
    colors = [BLUE, ORANGE, GREY, *_colors(9)]
    for (way, by_size), color, marker in zip(
        accuracies.items(), colors, "osD^v<>*pP", strict=False
    ):
        sizes = list(by_size)
        means = [sum(by_size[n]) / len(by_size[n]) for n in sizes]
        axes.plot(sizes, means, color=color, marker=marker, label=way)
        axes.fill_between(
            sizes,
            [min(by_size[n]) for n in sizes],
            [max(by_size[n]) for n in sizes],
            color=color,
            alpha=0.12,
            linewidth=0,
        )
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_xlabel("labelled messages to train on")
    axes.set_ylabel("accuracy on the rest (% of messages)")
    axes.legend(frameon=False, loc="lower right")
    return figure


def plot_comparison(frame: pd.DataFrame) -> Picture:
    """Accuracy against seconds, a numbered circle a way, larger if more trains.

    Left all of them, right the upper end again. `frame` has a line a way: way,
    accuracy, interval_low, interval_high, seconds and trained (parameters).
    """
    best = frame.loc[frame["accuracy"].idxmax()]
    figure, _ = paper(
        f"{len(frame)} ways by seconds and accuracy; the best is {best['way']} with "
        f"{best['accuracy']:.1%} in {best['seconds']:.1f} seconds.",
        9.5,
        4.0,
    )
    figure.clear()
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    upper = frame[frame["accuracy"] >= best["accuracy"] - 0.03]
    for axes, some in ((left, frame), (right, upper)):
        _way_circles(axes, some)
        _style(axes)
        axes.set_xscale("log")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
        axes.set_xlabel("seconds, training and test")
    left.set_ylabel("test accuracy (%), with its 95 % interval")
    right.set_ylabel("the upper end again (%)")
    low, high = upper["accuracy"].min(), upper["accuracy"].max()
    room = max(0.003, (high - low) / 4)
    right.set_ylim(low - room, high + room)
    figure.legend(
        *left.get_legend_handles_labels(),
        frameon=False,
        loc="outside right center",
        fontsize=8,
        markerscale=0.5,
    )
    return figure


def _way_circles(axes: Axes, frame: pd.DataFrame) -> None:
    for each in frame.itertuples():
        color = ORANGE if each.trained > 1e5 else BLUE if each.trained else GREY
        seconds, number = max(each.seconds, 0.01), each.Index + 1
        ends = [each.interval_low, each.interval_high]
        axes.plot([seconds] * 2, ends, color=color, alpha=0.25, linewidth=0.8)
        axes.scatter(
            seconds,
            each.accuracy,
            s=90 + 30 * math.log10(1 + each.trained),
            color=color,
            alpha=0.9,
            label=f"{number}  {each.way}",
        )
        axes.text(
            seconds,
            each.accuracy,
            str(number),
            color="white",
            fontsize=8,
            ha="center",
            va="center",
        )


def plot_lengths(df: pd.DataFrame) -> Picture:
    """How long the messages of each label are, without the longest 1 %."""
    lengths = df["Text"].str.len()
    bins = range(0, int(lengths.quantile(0.99)) + 10, 10)
    medians = lengths.groupby(df["Label"]).median()
    names = list(medians.index)
    middle = ", ".join(f"{name} {medians[name]:.0f}" for name in names)
    figure, axes = paper(f"Histogram of message lengths; medians: {middle} characters.")
    for name, color in zip(names, _colors(len(names)), strict=True):
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
            label=str(name),
        )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))
    axes.set_xlabel("length of the message (characters)")
    axes.set_ylabel("share of the label's messages (%)")
    axes.legend(frameon=False)
    return figure


def plot_class_counts(df: pd.DataFrame) -> Picture:
    """How many messages carry each label."""
    counts = df["Label"].value_counts().sort_index()
    each = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    figure, axes = paper(f"Bars: {each} messages.", 4.5, 3.2)
    bars = axes.bar(
        [str(name) for name in counts.index],
        counts.to_numpy(),
        color=_colors(len(counts)),
        width=0.6,
    )
    axes.bar_label(bars, fmt="{:,.0f}", padding=2)
    axes.set_xlabel("label")
    axes.set_ylabel("number of messages")
    axes.margins(y=0.12)
    return figure


def plot_ledger(ledger: pd.DataFrame) -> Picture:
    """Where a model's parameters are: a bar a part, the first one at the bottom.

    `ledger` has the columns `part`, `parameters` and `trains`, in the order in which
    a message goes through the parts.
    """
    trains = ledger["trains"]
    total, trained = ledger["parameters"].sum(), ledger["parameters"][trains].sum()
    words = f"Bars of parameters by part of the model: {total:,} in all"
    if trained:
        words += f", {trained:,} of them train: {', '.join(ledger['part'][trains])}"
    figure, axes = paper(f"{words}.", height=1.2 + 0.24 * len(ledger))
    for train, color, label in ((True, ORANGE, "trains"), (False, BLUE, "frozen")):
        chosen = ledger["parameters"].where(trains == train, 0)
        if chosen.any():
            axes.barh(ledger["part"], chosen, color=color, label=label)
    for place, count in enumerate(ledger["parameters"]):
        axes.text(count, place, f" {count:,}", va="center", fontsize=8)
    axes.xaxis.set_major_formatter(lambda count, _: f"{count / 1e6:g}")
    axes.set_xlabel("parameters (millions)")
    axes.set_ylabel("part, first to last upwards")
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.16)
    if trained:
        axes.legend(frameon=False)
    return figure


def _curves(
    history: Sequence[Record],
    train: Sequence[float],
    validation: Sequence[float],
    what: str,
    form: str,
) -> Picture:
    if not history:
        raise ValueError("nothing to draw: the history has no record")
    epochs = [record.epoch for record in history]
    figure, axes = paper(
        f"{what.split(' (')[0].capitalize()} over {epochs[-1]:g} epochs: training goes "
        f"from {form.format(train[0])} to {form.format(train[-1])}, validation from "
        f"{form.format(validation[0])} to {form.format(validation[-1])}."
    )
    marker = "o" if len(history) < 30 else None
    axes.plot(epochs, train, color=BLUE, marker=marker, label="training")
    axes.plot(
        epochs,
        validation,
        color=ORANGE,
        marker=marker,
        linestyle="--",
        label="validation",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epochs")
    axes.set_ylabel(what)
    axes.legend(frameon=False)
    seen = history[-1].examples / epochs[-1]  # messages an epoch
    top = axes.secondary_xaxis(
        "top", functions=(lambda epoch: epoch * seen, lambda count: count / seen)
    )
    top.set_xlabel("messages seen")
    return figure


def _curves_in_words(
    accuracies: Mapping[str, Mapping[int, Sequence[float]]],
) -> str:
    ways = [
        f"{way} from {sum(by[a]) / len(by[a]):.1%} to {sum(by[b]) / len(by[b]):.1%}"
        for way, by in accuracies.items()
        for a, b in [(min(by), max(by))]
    ]
    return f"Mean accuracy with more and more labels: {'; '.join(ways)}."


def _colors(count: int) -> list:
    if count <= 2:
        return [BLUE, ORANGE][:count]
    return [colormaps["viridis"](i / (count - 1)) for i in range(count)]


def _row_shares(confusion: Sequence[Sequence[int]]) -> list[list[float]]:
    return [[count / max(1, sum(row)) for count in row] for row in confusion]
