"""A training's history and its report -> curves and the confusion matrix."""

from collections.abc import Sequence

from matplotlib.ticker import MaxNLocator

from spamft.evaluate import Report
from spamft.plots.style import BLUE, ORANGE, Picture, in_percent, literal, paper
from spamft.plumbing.errors import SpamftError
from spamft.train import Record

__all__ = ["plot_accuracy", "plot_confusion", "plot_loss"]


def plot_loss(history: Sequence[Record]) -> Picture:
    """Training and validation loss over epochs and, on top, examples seen."""
    return _curves(
        history,
        [record.train_loss for record in history],
        [record.validation_loss for record in history],
        "loss (nats per message)",
        "{:.3f}",
    )


def plot_accuracy(history: Sequence[Record]) -> Picture:
    """Training and validation accuracy over epochs and, on top, examples seen."""
    figure = _curves(
        history,
        [record.train_accuracy for record in history],
        [record.validation_accuracy for record in history],
        "accuracy (% of messages)",
        "{:.1%}",
    )
    in_percent(figure.axes[0])
    return figure


def plot_confusion(report: Report, label_names: Sequence[str]) -> Picture:
    """How many messages of each class were predicted to be of which class."""
    rows = list(zip(label_names, report.confusion, strict=True))
    in_words = "; ".join(
        f"of {sum(row):,} {name} messages {row[k]:,} were predicted {name}"
        for k, (name, row) in enumerate(rows)
    )
    count = len(rows)  # inches for the names, then a cell's for each class
    size = (1.6 + 0.9 * count, 1.3 + 0.8 * count)
    figure, axes = paper(f"Confusion matrix: {in_words}.", *size)
    # shades are shares of a row: with counts, an unbalanced test would show its large
    # class and nothing else
    shares = [[cell / max(1, sum(row)) for cell in row] for _, row in rows]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, (_, row) in enumerate(rows):
        for predicted, cell in enumerate(row):
            # from about here on the blue is too dark for dark ink
            dark = shares[true][predicted] > 0.55
            axes.text(
                predicted,
                true,
                f"{cell:,}",
                ha="center",
                va="center",
                fontsize=12,
                color="white" if dark else "#222222",
            )
    names = list(map(literal, label_names))
    axes.set_xticks(range(count), names)
    axes.set_yticks(range(count), names)
    axes.set_xlabel("predicted label (messages)")
    axes.set_ylabel("true label (messages)")
    axes.grid(False)
    return figure


def _curves(
    history: Sequence[Record],
    train: Sequence[float],
    validation: Sequence[float],
    what: str,
    form: str,
) -> Picture:
    if not history:
        raise SpamftError("nothing to draw: the history has no record")
    epochs = [record.epoch for record in history]
    figure, axes = paper(
        f"{what.split(' (')[0].capitalize()} over {epochs[-1]:g} epochs: training goes "
        f"from {form.format(train[0])} to {form.format(train[-1])}, validation from "
        f"{form.format(validation[0])} to {form.format(validation[-1])}."
    )
    # more than 30 dots would run into each other and hide the line
    look = {"marker": "o" if len(history) < 30 else None}
    axes.plot(epochs, train, color=BLUE, label="training", **look)
    axes.plot(epochs, validation, "--", color=ORANGE, label="validation", **look)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epochs")
    axes.set_ylabel(what)
    axes.legend(frameon=False)
    seen = history[-1].examples / epochs[-1]  # messages per epoch
    top = axes.secondary_xaxis(
        "top", functions=(lambda epoch: epoch * seen, lambda count: count / seen)
    )
    top.set_xlabel("messages seen")
    return figure
