"""What a score is worth: is 90 % sure right 9 times of 10, and what at 1 % spam?

Everything takes (N, K) logits and (N,) labels as `evaluate.predict` gives them, or the
spam scores and truths of two classes. Nothing here trains a network.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_curve
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "Rates",
    "at_share",
    "choose_threshold",
    "costs",
    "fit_temperature",
    "rates_at",
    "shift_prior",
    "spam_scores",
    "threshold_curve",
]


class Rates(NamedTuple):
    """What a threshold does, shares in 0..1."""

    recall: float  # of the spam, what is caught
    false_positives: float  # of the ham, what is called spam
    precision: float  # of what is called spam, what is


def spam_scores(logits: Tensor) -> Tensor:
    """(N, 2) logits -> (N,) probabilities of class 1."""
    if logits.shape[-1] != 2:
        raise ValueError(f"a spam score needs 2 classes, not {logits.shape[-1]}")
    return logits.double().softmax(-1)[:, 1]


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T that makes `logits / T` most honest on these labels (lowest loss).

    Above 1 the model was too sure. Choose it on validation, never on test. After Guo
    et al., 2017, arXiv 1706.04599.
    """

    def loss(log_t: float) -> float:
        return F.cross_entropy(logits.double() / np.exp(log_t), labels).item()

    best = minimize_scalar(loss, bounds=(-3, 5), method="bounded")
    return float(np.exp(best.x))


def shift_prior(logits: Tensor, trained: Tensor, wanted: Tensor) -> Tensor:
    """Logits as if the classes had been `wanted` frequent in training, not `trained`.

    Both are (K,) shares. Bayes: each class's odds change by the ratio of its shares.
    """
    if (trained <= 0).any() or (wanted <= 0).any():
        raise ValueError("every class needs a share above 0")
    return logits + (wanted / wanted.sum()).log() - (trained / trained.sum()).log()


def choose_threshold(scores: Tensor, labels: Tensor, false_positives: float) -> float:
    """The lowest threshold above which at most this share of the ham lies.

    A message is spam if its score is *above* it. Choose it on validation. Raises
    ValueError if there are too few ham to see so small a share.
    """
    if not 0 < false_positives <= 1:
        raise ValueError(f"{false_positives=} must be above 0 and at most 1")
    ham = scores[labels == 0].sort(descending=True).values
    if len(ham) * false_positives < 1:
        needed = int(np.ceil(1 / false_positives))
        raise ValueError(
            f"{len(ham)} ham cannot show a false-positive rate of "
            f"{false_positives:.2%}: at least {needed} are needed"
        )
    allowed = int(len(ham) * false_positives)
    return float(ham[allowed]) if allowed < len(ham) else -1.0


def rates_at(scores: Tensor, labels: Tensor, threshold: float) -> Rates:
    """Recall, false positives and precision of "spam if above the threshold"."""
    called, spam = scores > threshold, labels == 1
    recall = called[spam].double().mean().item() if spam.any() else 0.0
    false = called[~spam].double().mean().item() if (~spam).any() else 0.0
    precision = spam[called].double().mean().item() if called.any() else 0.0
    return Rates(recall, false, precision)


def threshold_curve(scores: Tensor, labels: Tensor) -> pd.DataFrame:
    """Columns threshold, recall, false_positives: a line for each that differs.

    The first line calls nothing spam, the last one everything.
    """
    false, recall, thresholds = roc_curve(labels.numpy(), scores.numpy())
    return pd.DataFrame(
        {"threshold": thresholds, "recall": recall, "false_positives": false}
    )


def costs(curve: pd.DataFrame, share: float, lost_ham: float) -> pd.Series:
    """The cost per message at each line of a `threshold_curve`.

    Letting a spam through costs 1, holding back a ham `lost_ham`; `share` of all
    messages are spam.
    """
    missed = share * (1 - curve["recall"])
    return missed + (1 - share) * curve["false_positives"] * lost_ham


def at_share(rates: Rates, share: float) -> float:
    """Precision if `share` of all messages were spam: recall and false positives stay.

    >>> round(at_share(Rates(0.9, false_positives=0.01, precision=0.99), 0.01), 3)
    0.476
    """
    caught = share * rates.recall
    called = caught + (1 - share) * rates.false_positives
    return caught / called if called else 0.0
