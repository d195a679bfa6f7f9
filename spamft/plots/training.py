"""A training's history -> its curves."""

from collections.abc import Sequence

from matplotlib.ticker import MaxNLocator

from spamft.plots.style import BLUE, ORANGE, Picture, in_percent, paper
from spamft.plumbing.errors import SpamftError
from spamft.train import Record

__all__ = ["plot_accuracy", "plot_loss"]


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
