"""Metrics that take no more memory and time with many classes than with few."""

import math

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

__all__ = ["area", "correlation", "softmax_sums", "wilson"]

ROWS = 256  # of logits at a time in float64: all at once they take too much memory


def correlation(true: np.ndarray, predicted: np.ndarray, classes: int) -> float:
    """Matthews', from counts of classes: scikit-learn makes a matrix of K x K."""
    counts = [np.bincount(each, minlength=classes) for each in (true, predicted)]
    n = len(true)
    spread = math.prod(n * n - int(count @ count) for count in counts)
    if spread == 0:  # one class everywhere gives no correlation
        return 0.0
    hits = n * int((true == predicted).sum())
    return (hits - int(counts[0] @ counts[1])) / math.sqrt(spread)


def area(scores: np.ndarray, positive: np.ndarray) -> float:
    """The mean, over positive examples, of the precision if theirs is the threshold.

    That is scikit-learn's average_precision_score, which takes ten times as long.
    """
    ranked, hits = np.sort(scores), np.sort(scores[positive])
    above = [len(some) - np.searchsorted(some, hits) for some in (hits, ranked)]
    return float((above[0] / above[1]).mean())


def softmax_sums(logits: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) highest logit h and (N,) sums of exp(logit - h), both in float64.

    They make any probability from its logit: (N, K) of them would take twice the memory
    of the logits.
    """
    highest = logits.max(-1).values.double()
    blocks = zip(logits.split(ROWS), highest.split(ROWS), strict=True)
    sums = [(some.double() - top[:, None]).exp().sum(-1) for some, top in blocks]
    return highest, torch.cat(sums)


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of the share `count / of`; (0, 1) where `of` is 0."""
    if not of:
        return 0.0, 1.0
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)
