"""Accuracy with few and with more labels -> a power law, and what more would bring.

    summarize_curve(sizes, right)    mean, spread and interval for each size
    fit_power_law(sizes, right)      error(n) = a * n^-b + c, and its uncertainty
    law.doubling(n)                  a Gain: the accuracy that 2n labels would add

`right` is (D, S, N): whether each of N test messages was predicted right, for D draws
of training messages and S sizes. Within a draw each size contains the smaller ones, and
the last size is everything there is.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit
from scipy.stats import chi2, t

from spamft.plumbing.errors import SpamftError

__all__ = ["Gain", "PowerLaw", "fit_power_law", "summarize_curve"]

FEWEST_SIZES = 4  # three numbers are fitted: with as many sizes nothing would be left
REPEATS = 200  # of the bootstrap: its 2.5 % are the fifth lowest
SURELY = 0.01  # how rarely a true power law is said to be none
CERTAIN = (0.025, 0.975)
# a, as a share at the smallest size, may be negative: else noise could only be a gain.
# Published curves have b from 0.1 to 1; below, the curve and its end c are one.
LOWEST, HIGHEST = (-1.0, 0.05, 0.0), (1.0, 2.0, 1.0)


class Gain(NamedTuple):
    """What twice as many labels would add to the accuracy, as shares in -1..1."""

    labels: int  # that there are
    gain: float
    low: float  # of its 95 % interval
    high: float

    @property
    def points(self) -> tuple[float, float, float]:
        """Gain, low and high in points of accuracy, to a tenth, as they are shown."""
        shares = (self.gain, self.low, self.high)
        return tuple(round(100 * x, 1) + 0.0 for x in shares)  # no "-0.0"

    @property
    def verdict(self) -> str:
        """Whether more labels help, as far as the data tell."""
        _, low, high = self.points
        if low > 0:
            return "more labels help"
        if high < 0:
            return "more labels do not help"
        return "the data cannot tell whether more labels help"

    def __str__(self) -> str:
        gain, low, high = self.points
        direction = "fewer" if gain < 0 else "more"
        return (
            f"doubling {self.labels:,} labels: {abs(gain):.1f} points {direction} "
            f"(95 %: {low:.1f} to {high:.1f}): {self.verdict}"
        )


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = a * n^-b + c for n labels, as a share in 0..1."""

    a: float
    b: float
    c: float
    drawn: np.ndarray  # (R, 3): a, b, c of each repetition of the bootstrap
    strays: bool = False  # the means lie farther from the curve than chance explains

    def error(self, labels: np.ndarray | float) -> np.ndarray:
        """The error to expect with so many labels."""
        return _curve(labels, self.a, self.b, self.c)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """The 95 % intervals of a, b and c."""
        ends = np.quantile(self.drawn, CERTAIN, axis=0).T.tolist()
        return {name: tuple(pair) for name, pair in zip("abc", ends, strict=True)}

    def doubling(self, labels: int) -> Gain:
        """What twice as many labels would add to the accuracy."""
        a, b, _ = self.drawn.T
        drawn = a * labels**-b * (1 - 2**-b)
        gain = float(self.error(labels) - self.error(2 * labels))
        return Gain(labels, gain, *np.quantile(drawn, CERTAIN).tolist())


def summarize_curve(sizes: np.ndarray, right: np.ndarray) -> pd.DataFrame:
    """One row per size: labels, accuracy, its sd over draws, and the 95 % interval of
    the mean, for other training and other test messages of the same kind.
    """
    draws, _, messages = _checked(sizes, right)
    by_draw = right.mean(2)
    mean, sd = by_draw.mean(0), by_draw.std(0, ddof=1)
    overlap, sampling = _unseen(sizes, by_draw), _sampling(mean, messages)
    half = np.sqrt(
        (t.ppf(0.975, draws - 1) * sd) ** 2 / draws + 1.96**2 * (overlap + sampling)
    )
    return pd.DataFrame(
        {
            "labels": sizes,
            "draws": draws,
            "accuracy": mean,
            "sd": sd,
            "interval_low": np.clip(mean - half, 0, 1),
            "interval_high": np.clip(mean + half, 0, 1),
        }
    )


def fit_power_law(
    sizes: np.ndarray, right: np.ndarray, *, seed: int = 0
) -> PowerLaw | None:
    """Fit a * n^-b + c to the mean error, each size weighted by its spread.

    The bootstrap draws training draws and test messages. None for fewer than four
    sizes, from which no such curve can be known.
    """
    draws, count, messages = _checked(sizes, right)
    if count < FEWEST_SIZES:
        return None
    by_draw = right.mean(2)
    overlap = _unseen(sizes, by_draw)
    # the test messages are the same for all sizes; one of them is the least step
    spread = np.sqrt(by_draw.var(0, ddof=1) / draws + overlap + messages**-2)
    best = _fit(sizes, 1 - by_draw.mean(0), spread)
    random, drawn = np.random.default_rng(seed), []
    # D draws with replacement vary by (D - 1) / D of what D fresh ones would
    missing = np.sqrt(overlap + by_draw.var(0) / draws / (draws - 1))
    for _ in range(REPEATS):
        chosen = right[random.integers(draws, size=draws)].mean(0)  # (S, N)
        means = chosen[:, random.integers(messages, size=messages)].mean(1)
        error = 1 - means + missing * random.standard_normal(count)
        drawn.append(_fit(sizes, error, spread, best))
    misfit = (1 - by_draw.mean(0) - _curve(sizes, *best)) / spread
    strays = chi2.sf((misfit**2).sum(), count - 3) < SURELY
    return PowerLaw(*best, np.array(drawn), bool(strays))


def _checked(sizes: np.ndarray, right: np.ndarray) -> tuple[int, int, int]:
    """(draws, sizes, test messages)."""
    if right.ndim != 3 or right.shape[1] != len(sizes):
        raise SpamftError(f"expected (draws, {len(sizes)} sizes, messages) of results")
    if len(right) < 2:
        raise SpamftError("one draw shows no spread: at least 2 are needed")
    return right.shape


def _unseen(sizes: np.ndarray, by_draw: np.ndarray) -> np.ndarray:
    """(S,): the variance of the mean that draws do not show because they overlap.

    A draw of the share r of all labels has this share in common with each other one:
    it varies by 1 - r of what it would if the labels were fresh ones, and r of that
    remains in the mean of any number of draws. Above one half, where little is left to
    see, the spread is that of one half, falling as 1 / sqrt(n).
    """
    sizes = np.asarray(sizes, float)
    share = sizes / sizes[-1]
    half = max(1, int((share <= 0.5).sum())) - 1
    fresh = by_draw.var(0, ddof=1) / np.maximum(1 - share, 0.5)
    fresh[half + 1 :] = fresh[half] * sizes[half] / sizes[half + 1 :]
    return fresh * share


def _sampling(mean: np.ndarray, messages: int) -> np.ndarray:
    """(S,): the variance of an accuracy over other test messages; never quite 0."""
    share = (messages * mean + 1) / (messages + 2)
    return share * (1 - share) / messages


def _curve(labels: np.ndarray | float, a: float, b: float, c: float) -> np.ndarray:
    return a * np.asarray(labels, float) ** -b + c


def _fit(
    sizes: np.ndarray,
    error: np.ndarray,
    spread: np.ndarray,
    start: tuple[float, float, float] | None = None,
) -> tuple[float, float, float]:
    """The a, b and c that fit best."""
    first = float(sizes[0])  # a is fitted as the share at the smallest size
    n = np.asarray(sizes, float) / first
    if start is None:
        begin = [error[0] - error[-1], 0.5, error.min()]
    else:
        begin = [start[0] * first ** -start[1], *start[1:]]
    (a, b, c), _ = curve_fit(
        _curve,
        n,
        error,
        p0=np.clip(begin, LOWEST, HIGHEST),
        sigma=spread,
        jac=lambda n, a, b, c: np.stack(
            [n**-b, -a * np.log(n) * n**-b, np.ones_like(n)], 1
        ),
        bounds=(LOWEST, HIGHEST),
        max_nfev=10_000,
    )
    return float(a * first**b), float(b), float(c)
