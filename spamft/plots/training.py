"""A training's history -> its curves."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from spamft.plots.style import BLUE, ORANGE, Picture, in_percent, paper, style, told
from spamft.plumbing.errors import SpamftError
from spamft.train import Record

__all__ = ["plot_accuracy", "plot_loss", "plot_losses"]

MOST = 6  # trainings in one picture
LOSS = "loss (nats per message)"


def plot_loss(history: Sequence[Record]) -> Picture:
    """Training and validation loss over epochs and, on top, examples seen."""
    return _curves(
        history,
        [record.train_loss for record in history],
        [record.validation_loss for record in history],
        LOSS,
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


def plot_losses(histories: Mapping[str, Sequence[Record]]) -> Picture:
    """Training and validation loss of several trainings by name, side by side."""
    if not histories or not all(histories.values()):
        raise SpamftError("nothing to draw: a history has no record")
    if len(histories) > MOST:
        raise SpamftError(f"{len(histories)} trainings: draw {MOST} at a time")
    figure, _ = paper(_in_words(histories), width=1 + 1.9 * len(histories), height=3)
    figure.clear()
    names = figure.written(histories)
    panels = figure.subplots(1, len(histories), sharey=True, squeeze=False)[0]
    for axes, name, history in zip(panels, names, histories.values(), strict=True):
        style(axes)
        _lines(
            axes,
            history,
            [record.train_loss for record in history],
            [record.validation_loss for record in history],
        )
        axes.set_title(name, fontsize=10)
    panels[0].set_ylim(bottom=0)  # of all; while they are drawn the top must be free
    panels[0].set_ylabel(LOSS)
    panels[-1].legend(frameon=False, fontsize=9)
    return figure


def _in_words(histories: Mapping[str, Sequence[Record]]) -> str:
    parts = []
    for name, history in histories.items():
        best = min(history, key=lambda record: record.validation_loss)
        parts.append(
            f"{name}: training ends at {history[-1].train_loss:.3f}, validation is "
            f"lowest at epoch {best.epoch:.3g}, {best.validation_loss:.3f}, and ends "
            f"at {history[-1].validation_loss:.3f}"
        )
    return f"Loss over epochs, side by side. {told(parts, '; ')}."


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
    _lines(axes, history, train, validation)
    axes.set_ylabel(what)
    axes.legend(frameon=False)
    seen = history[-1].examples / epochs[-1]  # messages per epoch
    top = axes.secondary_xaxis(
        "top", functions=(lambda epoch: epoch * seen, lambda count: count / seen)
    )
    top.set_xlabel("messages seen")
    return figure


def _lines(
    axes: Axes,
    history: Sequence[Record],
    train: Sequence[float],
    validation: Sequence[float],
) -> None:
    """Draw the two curves over the epochs of `history`."""
    epochs = [record.epoch for record in history]
    # more than 30 dots would run into each other and hide the line
    look = {"marker": "o" if len(history) < 30 else None}
    axes.plot(epochs, train, color=BLUE, label="training", **look)
    axes.plot(epochs, validation, "--", color=ORANGE, label="validation", **look)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epochs")
