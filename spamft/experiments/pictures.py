"""A run's pictures, beside its other files, as far as they can be drawn."""

from collections.abc import Callable, Sequence
from pathlib import Path

from spamft.evaluate import Report
from spamft.plots import Picture, plot_accuracy, plot_confusion, plot_loss
from spamft.plumbing.display import brief
from spamft.plumbing.files import whole_folder
from spamft.train import Record

__all__ = ["PICTURES", "add_pictures"]

PICTURES = ("loss.png", "accuracy.png", "confusion.png")
Log = Callable[[str], None]


def add_pictures(
    folder: Path,
    history: Sequence[Record],
    report: Report,
    names: Sequence[str],
    log: Log,
) -> None:
    """Put the pictures into a run's folder, all at once.

    None of them is worth a trained model: whatever fails is a line for `log`.
    """
    drawings = {"confusion.png": lambda: plot_confusion(report, names)}
    if history and history[-1].step > 1:  # of one step there is no curve
        drawings["loss.png"] = lambda: plot_loss(history)
        drawings["accuracy.png"] = lambda: plot_accuracy(history)
    try:
        with whole_folder(folder, PICTURES) as made:
            for name, draw in drawings.items():
                _draw(draw, made / name, log)
    except Exception as error:
        log(f"the run is saved, but not its pictures: {_reason(error)}")


def _draw(draw: Callable[[], Picture], path: Path, log: Log) -> None:
    try:
        picture = draw()
        picture.savefig(path, dpi=150)
        if picture.numbered:
            log(f"{path.name}: {picture.numbered}")
    except Exception as error:  # of matplotlib, of the memory, of the disk
        path.unlink(missing_ok=True)
        log(f"{path.name} could not be drawn: {_reason(error)}")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__} {brief(error)}".strip()
