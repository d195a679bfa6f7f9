"""Calibration, decision thresholds, and precision where spam is rare.

Everything takes (N, K) logits and (N,) labels as `evaluate.predict` gives them, or the
scores of one class, say spam, and for each 1 if the message is of it, else 0. Nothing
here trains a network.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_curve
from torch import Tensor
from torch.nn import functional as F

from spamft.plumbing.errors import SpamftError
from spamft.use.verdict import show_share

__all__ = [
    "Rates",
    "allowed_above",
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
    """What a threshold achieves, as shares in 0..1."""

    recall: float  # of the spam, how much is predicted spam
    false_positives: float  # of the ham, how much is predicted spam
    precision: float  # of the messages predicted spam, how many are


def spam_scores(logits: Tensor) -> Tensor:
    """(N, 2) logits -> (N,) probabilities of class 1."""
    if logits.shape[-1] != 2:
        raise SpamftError(f"a spam score needs 2 classes, not {logits.shape[-1]}")
    return logits.double().softmax(-1)[:, 1]


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T that calibrates `logits / T` best on these labels (lowest loss).

    Above 1 the model was overconfident. Choose it on validation, never on test. It is 1
    if every prediction is right: then the loss falls the surer they sound, without end.
    After Guo et al., 2017, arXiv 1706.04599.
    """
    if (logits.argmax(-1) == labels).all():
        return 1.0

    def loss(log_t: float) -> float:
        return F.cross_entropy(logits.double() / np.exp(log_t), labels).item()

    # T from 0.05 to 148: on its log, because halving and doubling are alike
    best = minimize_scalar(
        loss, bounds=(-3, 5), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(best.x)) if best.fun < loss(0.0) else 1.0


def shift_prior(logits: Tensor, trained: Tensor, wanted: Tensor) -> Tensor:
    """Logits as if the classes' shares in training had been `wanted`, not `trained`.

    Both are (K,). Bayes' rule: each class's odds change by the ratio of its shares.
    """
    if (trained <= 0).any() or (wanted <= 0).any():
        raise SpamftError("every class needs a share above 0")
    return logits + (wanted / wanted.sum()).log() - (trained / trained.sum()).log()


def choose_threshold(scores: Tensor, labels: Tensor, false_positives: float) -> float:
    """The threshold above which new ham comes at most at this rate, on average.

    That is an average over draws of the ham that chooses it, like which the new ham
    must be (split conformal prediction: Vovk et al., 2005). A message is spam if its
    score is *above* the threshold. Choose it on messages that you neither train nor
    measure on. Raises SpamftError if there is too little ham for so small a rate.
    """
    ham = scores[labels == 0].sort(descending=True).values
    return float(ham[allowed_above(len(ham), false_positives)])


def allowed_above(ham: int, false_positives: float) -> int:
    """How many of `ham` messages a threshold for this rate leaves above it.

    The next new one is above the k-th highest of n with a probability of k / (n + 1),
    or less with ties. Raises SpamftError if not even the highest score will do.

    >>> allowed_above(499, 0.002), allowed_above(1000, 0.01)
    (0, 9)
    """
    if not 0 < false_positives < 1:
        raise SpamftError(f"{false_positives=} must be above 0 and below 1")
    # 1000 * 0.002 may be a hair below 2
    place = math.floor((ham + 1) * false_positives + 1e-9)
    if place < 1:
        needed = math.ceil(1 / false_positives - 1e-9) - 1
        raise SpamftError(
            f"{ham:,} messages cannot choose a threshold for "
            f"{show_share(false_positives)} false alarms: at least {needed:,} are "
            f"needed, or a rate of at least 1 in {ham + 1:,}"
        )
    return min(place, ham) - 1


def rates_at(scores: Tensor, labels: Tensor, threshold: float) -> Rates:
    """Recall, false positives and precision of "spam if above the threshold"."""
    predicted, spam = scores > threshold, labels == 1
    recall = predicted[spam].double().mean().item() if spam.any() else 0.0
    false = predicted[~spam].double().mean().item() if (~spam).any() else 0.0
    precision = spam[predicted].double().mean().item() if predicted.any() else 0.0
    return Rates(recall, false, precision)


def threshold_curve(scores: Tensor, labels: Tensor) -> pd.DataFrame:
    """Columns threshold, recall, false_positives: one row per threshold that matters.

    The first row predicts spam for no message, the last one for every message.
    """
    false, recall, thresholds = roc_curve(labels.numpy(), scores.numpy())
    return pd.DataFrame(
        {"threshold": thresholds, "recall": recall, "false_positives": false}
    )


def costs(curve: pd.DataFrame, share: float, lost_ham: float) -> pd.Series:
    """The cost per message at each row of a `threshold_curve`.

    A missed spam costs 1, a ham held back costs `lost_ham`; `share` of all messages,
    0..1, are spam.
    """
    missed = share * (1 - curve["recall"])
    return missed + (1 - share) * curve["false_positives"] * lost_ham


def at_share(rates: Rates, share: float) -> float:
    """Precision if `share` of all messages were spam.

    Recall and false positives do not depend on that share; they may be arrays.

    >>> round(at_share(Rates(0.9, false_positives=0.01, precision=0.99), 0.01), 3)
    0.476
    """
    caught = share * rates.recall
    predicted = caught + (1 - share) * rates.false_positives
    return caught / predicted if np.all(predicted) else 0.0
