"""A model and batches -> metrics: loss, accuracy, precision, recall, calibration.

Nothing here knows about spam or GPT: a batch is a tuple of what the model takes
and, last, the labels; the model gives (B, K) logits.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from sklearn import metrics
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.plumbing.device import to_device
from spamft.plumbing.display import brief
from spamft.plumbing.errors import NotFiniteError, SpamftError
from spamft.plumbing.modes import evaluation_mode
from spamft.plumbing.scores import area, correlation, softmax_sums, wilson

__all__ = [
    "FEW_CLASSES",
    "IGNORED",
    "Cell",
    "ClassReport",
    "Report",
    "Sums",
    "count_sums",
    "evaluate",
    "measure",
    "predict",
    "reliability",
    "report",
]

IGNORED = -100  # label to skip in loss and accuracy; PyTorch's ignore_index
FEW_CLASSES = 20  # nobody reads a larger matrix: of more classes the worst are shown
WORST = 10  # that many of them
NAME = 60  # characters of a class's name in a list of the worst


@dataclass(frozen=True)
class ClassReport:
    """Metrics of one class, each in 0..1, and 0 where undefined."""

    precision: float
    recall: float
    f1: float
    support: int  # examples that truly are of this class

    def __str__(self) -> str:
        return (
            f"precision {self.precision:.3f}  recall {self.recall:.3f}  "
            f"F1 {self.f1:.3f}"
        )


class Cell(NamedTuple):
    """A cell of the confusion matrix that is not 0."""

    true: int  # class
    predicted: int  # class
    count: int  # examples


@dataclass(frozen=True)
class Report:
    """Metrics of a model's predictions for N examples of K classes."""

    loss: float  # nats per example
    accuracy: float  # 0..1
    interval: tuple[float, float]  # Wilson's 95 % interval of the accuracy
    mcc: float  # Matthews' correlation, -1..1, 0 for guessing
    average_precision: float | None  # of class 1, or of all classes on average if K > 2
    calibration_error: float  # mean gap of confidence and accuracy, 0..1; 10 bins
    classes: tuple[ClassReport, ...]
    cells: tuple[Cell, ...]  # by true, then by predicted class; at most N

    @property
    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """[true class][predicted class] -> examples: K x K numbers, so ask if K is low.

        `cells` has the same without the zeros.
        """
        matrix = np.zeros((len(self.classes), len(self.classes)), dtype=int)
        for true, predicted, count in self.cells:
            matrix[true, predicted] = count
        return tuple(map(tuple, matrix.tolist()))

    @property
    def mistakes(self) -> list[Cell]:
        """The cells of wrong predictions, those with the most examples first."""
        wrong = [cell for cell in self.cells if cell.true != cell.predicted]
        return sorted(wrong, key=lambda cell: -cell.count)

    @property
    def examples(self) -> int:
        return sum(cell.count for cell in self.cells)

    def __str__(self) -> str:
        return self.describe([f"class {k}" for k in range(len(self.classes))])

    def describe(self, names: Sequence[str], rest: str = "") -> str:
        """The metrics as lines of text, with the `names` of the classes.

        Of many classes only the worst are told; `rest` says where the others are.
        """
        low, high = self.interval
        whole = (
            f"accuracy {self.accuracy:.2%} (95 % interval {low:.1%} to {high:.1%}, "
            f"{self.examples} examples)  loss {self.loss:.4f}  MCC {self.mcc:.3f}"
        )
        few = len(self.classes) <= FEW_CLASSES
        lines = _rows(self, names) if few else _worst(self, names, rest)
        return "\n".join([whole, *lines])


def _rows(report: Report, names: Sequence[str]) -> Iterator[str]:
    """A line for each class, with its row of the confusion matrix."""
    rows = zip(names, report.classes, report.confusion, strict=True)
    for name, each, row in rows:
        counts = " ".join(f"{count:5d}" for count in row)
        yield f"{brief(name)}: {each}  predicted {counts}"


def _worst(report: Report, names: Sequence[str], rest: str) -> Iterator[str]:
    """The classes that fare worst, and what is mistaken for what most often."""
    short = [brief(name, NAME) for name in names]
    pairs = list(zip(short, report.classes, strict=True))
    # of those that are equally bad the one that matters to most examples
    pairs.sort(key=lambda pair: (pair[1].f1, -pair[1].support))
    yield f"the {WORST} classes of the lowest F1:"
    for name, each in pairs[:WORST]:
        yield f"  {name}: {each}  support {each.support}"
    more = f"... and {len(pairs) - WORST:,} classes more"
    yield f"  {more}: {rest}" if rest else f"  {more}"
    if mistakes := report.mistakes:
        yield "what is mistaken for what most often (true -> predicted: examples):"
    for true, predicted, count in mistakes[:WORST]:
        yield f"  {short[true]} -> {short[predicted]}: {count:,}"


def evaluate(model: nn.Module, loader: Iterable) -> Report:
    """Measure `model` on every batch of `loader`; its mode stays as it was."""
    return report(*predict(model, loader))


@torch.no_grad()
def predict(model: nn.Module, loader: Iterable) -> tuple[Tensor, Tensor]:
    """(N, K) float32 logits and (N,) labels of all batches, in order, on the CPU.

    The model's mode stays as it was. Raises SpamftError if there is no batch.
    """
    device = next(model.parameters()).device
    logits, labels = [], []
    with evaluation_mode(model):
        for *inputs, batch_labels in loader:
            logits.append(model(*to_device(inputs, device)).float())
            labels.append(batch_labels)
    if not logits:
        raise SpamftError("nothing to evaluate: the loader has no batch")
    return torch.cat(logits).cpu(), torch.cat(labels).cpu()


def report(logits: Tensor, labels: Tensor) -> Report:
    """Measure (N, K) logits against (N,) labels.

    Means are over examples. Raises SpamftError for logits that are not finite.
    """
    if not logits.isfinite().all():
        raise NotFiniteError("the model's logits are not finite")
    predicted, true = logits.argmax(-1).numpy(), labels.numpy()
    correct = int((predicted == true).sum())
    columns = metrics.precision_recall_fscore_support(
        true, predicted, labels=np.arange(logits.shape[1]), zero_division=0
    )
    highest, sums = softmax_sums(logits)
    right = logits[torch.arange(len(labels)), labels].double()
    return Report(
        loss=(sums.log() + highest - right).mean().item(),
        accuracy=correct / len(true),
        interval=wilson(correct, len(true)),
        mcc=correlation(true, predicted, logits.shape[1]),
        average_precision=_average_precision(logits, labels),
        calibration_error=_calibration_error(logits, labels),
        classes=tuple(
            ClassReport(float(p), float(r), float(f), int(n))
            for p, r, f, n in zip(*columns, strict=True)
        ),
        cells=_cells(true, predicted, logits.shape[1]),
    )


def _cells(true: np.ndarray, predicted: np.ndarray, classes: int) -> tuple[Cell, ...]:
    """What the confusion matrix counts, without its zeros."""
    places, counts = np.unique(true * classes + predicted, return_counts=True)
    return tuple(
        Cell(*divmod(place, classes), count)
        for place, count in zip(places.tolist(), counts.tolist(), strict=True)
    )


def _calibration_error(logits: Tensor, labels: Tensor) -> float:
    """The expected calibration error, over 10 bins of confidence of equal width."""
    sure, right, count = reliability(logits, labels).T
    return float((np.abs(sure - right) * count).sum() / count.sum())


def reliability(logits: Tensor, labels: Tensor, bins: int = 10) -> np.ndarray:
    """(bins, 3): mean confidence, accuracy, and number of predictions, per bin.

    Confidence is the probability of the predicted class. Bins have equal width from
    1 / K to 1; an empty one has zeros.
    """
    _, sums = softmax_sums(logits)
    sure, predicted = 1 / sums, logits.argmax(-1)
    low = 1 / logits.shape[-1]
    place = ((sure - low) / (1 - low) * bins).long().clamp(0, bins - 1)
    right = (predicted == labels).double()
    table = np.zeros((bins, 3))
    for b in range(bins):
        chosen = place == b
        if chosen.any():
            table[b] = sure[chosen].mean(), right[chosen].mean(), chosen.sum()
    return table


def _average_precision(logits: Tensor, labels: Tensor) -> float | None:
    """Area under the precision-recall curve; None without a positive example."""
    highest, sums = softmax_sums(logits)
    present = labels.unique().tolist()
    areas = []
    for k in [1] if logits.shape[1] == 2 else present:
        chances = (logits[:, k].double() - highest).exp() / sums
        if k in present:
            areas.append(area(chances.numpy(), (labels == k).numpy()))
    return float(np.mean(areas)) if areas else None


class Sums(NamedTuple):
    """What a batch adds up to: tensors, to be read only when they are needed."""

    loss: Tensor  # of all labels that are not IGNORED, weighted by class
    correct: Tensor  # predictions that equal their label
    count: Tensor  # labels that are not IGNORED


def count_sums(
    logits: Tensor, labels: Tensor, class_weights: Tensor | None = None
) -> Sums:
    """Sum the cross-entropy of (..., K) logits and (...) labels, and count hits."""
    counts = labels != IGNORED
    if class_weights is not None and len(class_weights) != logits.shape[-1]:
        raise SpamftError(
            f"{len(class_weights)} class weights for {logits.shape[-1]} classes"
        )
    loss = F.cross_entropy(
        logits.flatten(0, -2),
        labels.flatten(),
        class_weights,
        ignore_index=IGNORED,
        reduction="sum",
    )
    count = counts.sum()
    correct = ((logits.detach().argmax(-1) == labels) & counts).sum()
    return Sums(loss, correct, count)


@torch.no_grad()
def measure(model: nn.Module, loader: Iterable) -> tuple[float, float]:
    """(loss, accuracy) over all labels that are not IGNORED; the model's mode stays.

    Unlike `evaluate` it keeps no logits, so (B, T) labels over a large vocabulary
    fit. Raises SpamftError for a loss that is not finite, or if no label
    counts.
    """
    device = next(model.parameters()).device
    parts = []
    with evaluation_mode(model):
        for batch in loader:
            *inputs, labels = to_device(batch, device)
            parts.append(count_sums(model(*inputs).float(), labels))
    if not parts:
        raise SpamftError("nothing to evaluate: the loader has no batch")
    # only now is a GPU waited for; and float64 on the CPU, for Apple's GPUs have none
    loss, correct, count = (
        torch.stack(each).cpu().double().sum().item()
        for each in zip(*parts, strict=True)
    )
    if not math.isfinite(loss):
        raise NotFiniteError("the model's logits are not finite")
    if not count:
        raise SpamftError("nothing to evaluate: every label is ignored")
    return loss / count, correct / count
