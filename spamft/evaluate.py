"""A model and batches -> metrics: loss, accuracy, precision, recall, calibration.

Nothing here knows about spam or GPT: a batch is a tuple of what the model takes
and, last, the labels; the model gives (B, K) logits.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import binomtest
from sklearn import metrics
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.plumbing.display import visible
from spamft.plumbing.errors import NotFiniteError, SpamftError
from spamft.plumbing.modes import evaluation_mode

__all__ = [
    "IGNORED",
    "ClassReport",
    "Report",
    "Sums",
    "count_sums",
    "evaluate",
    "measure",
    "predict",
    "reliability",
    "report",
    "wilson",
]

IGNORED = -100  # label to skip in loss and accuracy; PyTorch's ignore_index


@dataclass(frozen=True)
class ClassReport:
    """Metrics of one class, each in 0..1, and 0 where undefined."""

    precision: float
    recall: float
    f1: float
    support: int  # examples that truly are of this class


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
    confusion: tuple[tuple[int, ...], ...]  # [true class][predicted class] -> examples

    @property
    def examples(self) -> int:
        return sum(map(sum, self.confusion))

    def __str__(self) -> str:
        return self.describe([f"class {k}" for k in range(len(self.classes))])

    def describe(self, names: Sequence[str]) -> str:
        """The metrics as lines of text, with the `names` of the classes."""
        low, high = self.interval
        lines = [
            f"accuracy {self.accuracy:.2%} (95 % interval {low:.1%} to {high:.1%}, "
            f"{self.examples} examples)  loss {self.loss:.4f}  MCC {self.mcc:.3f}"
        ]
        for name, each, row in zip(names, self.classes, self.confusion, strict=True):
            lines.append(
                f"{visible(name)}: precision {each.precision:.3f}  "
                f"recall {each.recall:.3f}  F1 {each.f1:.3f}  predicted "
                + " ".join(f"{count:5d}" for count in row)
            )
        return "\n".join(lines)


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
            logits.append(model(*(tensor.to(device) for tensor in inputs)).float())
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
    classes = list(range(logits.shape[1]))
    correct = int((predicted == true).sum())
    columns = metrics.precision_recall_fscore_support(
        true, predicted, labels=classes, zero_division=0
    )
    confusion = metrics.confusion_matrix(true, predicted, labels=classes)
    several = len({*true.tolist(), *predicted.tolist()}) > 1
    return Report(
        loss=F.cross_entropy(logits.double(), labels).item(),
        accuracy=correct / len(true),
        interval=wilson(correct, len(true)),
        # one label everywhere gives no correlation; scikit-learn would warn of it
        mcc=float(metrics.matthews_corrcoef(true, predicted)) if several else 0.0,
        average_precision=_average_precision(logits, labels),
        calibration_error=_calibration_error(logits, labels),
        classes=tuple(
            ClassReport(float(p), float(r), float(f), int(n))
            for p, r, f, n in zip(*columns, strict=True)
        ),
        confusion=tuple(tuple(map(int, row)) for row in confusion),
    )


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of the share `count / of`; (0, 1) where `of` is 0."""
    if not of:
        return 0.0, 1.0
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def _calibration_error(logits: Tensor, labels: Tensor) -> float:
    """The expected calibration error, over 10 bins of confidence of equal width."""
    sure, right, count = reliability(logits, labels).T
    return float((np.abs(sure - right) * count).sum() / count.sum())


def reliability(logits: Tensor, labels: Tensor, bins: int = 10) -> np.ndarray:
    """(bins, 3): mean confidence, accuracy, and number of predictions, per bin.

    Confidence is the probability of the predicted class. Bins have equal width from
    1 / K to 1; an empty one has zeros.
    """
    sure, predicted = logits.double().softmax(-1).max(-1)
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
    chances = logits.double().softmax(-1)
    positives = [1] if logits.shape[1] == 2 else range(logits.shape[1])
    scores = [
        metrics.average_precision_score((labels == k).numpy(), chances[:, k].numpy())
        for k in positives
        if (labels == k).any()
    ]
    return float(sum(scores) / len(scores)) if scores else None


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
        for *inputs, labels in loader:
            logits = model(*(tensor.to(device) for tensor in inputs)).float()
            loss, correct, count = count_sums(logits, labels.to(device))
            parts.append(torch.stack([loss.double(), correct.double(), count.double()]))
    if not parts:
        raise SpamftError("nothing to evaluate: the loader has no batch")
    loss, correct, count = torch.stack(parts).sum(0).tolist()
    if not math.isfinite(loss):
        raise NotFiniteError("the model's logits are not finite")
    if not count:
        raise SpamftError("nothing to evaluate: every label is ignored")
    return loss / count, correct / count
