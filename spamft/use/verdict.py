"""Scores -> a verdict: how sure a model is, and when it holds back.

    DecisionRule(temperature, threshold)    what a finetuned model does with its logits
    rule.verdicts(logits, names)            a Verdict for each message

Probabilities are softmax(logits / temperature), in float64. Without a threshold the
most probable class is predicted. With one, for the class whose false alarms cost, that
class is predicted only if its probability is above the threshold; else another class,
if one is more probable; else none: the model is unsure.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from spamft.plumbing.display import brief, visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.scores import wilson

__all__ = [
    "NO_CLASS",
    "UNSURE",
    "DecisionRule",
    "Evidence",
    "Threshold",
    "Verdict",
    "alarm_class",
    "check_alarm",
    "rule_from",
    "show_share",
]

UNSURE = "unsure"  # what is shown where a Verdict has no label
NO_CLASS = -1  # the same, where class ids are tensors


class Verdict(NamedTuple):
    """What a classifier predicts for one message."""

    label: str | None  # None: unsure, which no class of the name "unsure" could say
    probabilities: dict[str, float]  # label name -> 0..1

    @property
    def unsure(self) -> bool:
        """Whether the model holds back; only a rule with a threshold does."""
        return self.label is None

    @property
    def shown(self) -> str:
        """The label, or "unsure"."""
        return UNSURE if self.label is None else self.label

    @property
    def probability(self) -> float:
        """That of the label; of the most probable class where there is none."""
        if self.label is None:
            return max(self.probabilities.values())
        return self.probabilities[self.label]


@dataclass(frozen=True)
class Evidence:
    """How a threshold was chosen, and what it did to messages that did not choose it.

    Both count messages of the other classes alone.
    """

    rate: float  # of false alarms, asked for, 0..1
    messages: str  # which ones, in words
    chosen_on: int
    measured_on: int
    measured: int  # false alarms among these

    def __post_init__(self):
        counts = (self.chosen_on, self.measured_on, self.measured)
        whole = all(type(count) is int and count >= 0 for count in counts)
        if not whole or self.measured > self.measured_on or not _is_share(self.rate):
            raise SpamftError("the evidence for a threshold must be counts and a share")
        if not isinstance(self.messages, str):
            raise SpamftError("the messages that chose a threshold must be words")

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the false-alarm rate, from the measured ones."""
        return wilson(self.measured, self.measured_on)

    def __str__(self) -> str:
        low, high = map(show_share, self.interval)
        return (
            f"chosen on {self.chosen_on:,} {visible(self.messages)} for at most "
            f"{show_share(self.rate)} false alarms; of {self.measured_on:,} others "
            f"{self.measured:,} were (95 % interval {low} to {high})"
        )


@dataclass(frozen=True)
class Threshold:
    """Predict `label` only if its calibrated probability is above `value`."""

    label: str
    value: float  # 0..1
    evidence: Evidence | None = None  # None: chosen by hand

    def __post_init__(self):
        if not _is_share(self.value):
            raise SpamftError(f"threshold {self.value!r} must be from 0 to 1")

    def __str__(self) -> str:
        line = f"threshold {self.value:.6g} for {visible(self.label)}"
        return f"{line}, {self.evidence}" if self.evidence else line


@dataclass(frozen=True)
class DecisionRule:
    """What a finetuned model does with its logits: temperature, then threshold."""

    temperature: float = 1.0  # logits are divided by it
    fitted_on: int = 0  # validation messages that chose the temperature
    threshold: Threshold | None = None

    def __post_init__(self):
        number = type(self.temperature) in (int, float)
        if not number or not 0 < self.temperature < math.inf:
            raise SpamftError(f"temperature {self.temperature!r} must be above 0")
        if type(self.fitted_on) is not int or self.fitted_on < 0:
            raise SpamftError(f"fitted_on {self.fitted_on!r} must be a count")

    def __str__(self) -> str:
        line = f"temperature {self.temperature:.2f}"
        if self.fitted_on and self.temperature == 1:
            line += f": no other is better on {self.fitted_on:,} validation messages"
        elif self.fitted_on:
            line += f", chosen on {self.fitted_on:,} validation messages"
        return f"{line}\n{self.threshold}" if self.threshold else line

    def probabilities(self, logits: Tensor) -> Tensor:
        """(..., K) logits -> (..., K) calibrated probabilities, float64."""
        return (logits.double() / self.temperature).softmax(-1)

    def predict(self, logits: Tensor, names: Sequence[str]) -> Tensor:
        """(N, K) logits -> (N,) class ids, -1 where the model is unsure."""
        return self.decide(self.probabilities(logits), names)

    def verdicts(self, logits: Tensor, names: Sequence[str]) -> list[Verdict]:
        """A Verdict for each row of (N, K) logits."""
        shares = self.probabilities(logits)
        labels = [*names, None]  # -1 is the last one
        return [
            Verdict(labels[k], dict(zip(names, row, strict=True)))
            for k, row in zip(
                self.decide(shares, names).tolist(), shares.tolist(), strict=True
            )
        ]

    def decide(self, shares: Tensor, names: Sequence[str]) -> Tensor:
        """(N, K) calibrated probabilities -> (N,) class ids, -1 where unsure."""
        best = shares.argmax(-1)
        if self.threshold is None:
            return best
        k = check_alarm(names, self.threshold.label)
        others = shares.clone()
        others[:, k] = -1.0
        rival, other = others.max(-1)
        calm = torch.where(rival > shares[:, k], other, NO_CLASS)
        return torch.where(shares[:, k] > self.threshold.value, k, calm)

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON, and the interval of the evidence."""
        entries = asdict(self)
        if self.threshold and self.threshold.evidence:
            low_high = list(self.threshold.evidence.interval)
            entries["threshold"]["evidence"]["interval"] = low_high
        return entries


def rule_from(entries: Mapping[str, Any], names: Sequence[str]) -> DecisionRule:
    """What `to_dict` gave, checked. Raises SpamftError for what no rule can hold."""
    try:
        entries = dict(entries)
        if threshold := entries.pop("threshold"):
            threshold = dict(threshold)
            if evidence := threshold.pop("evidence"):
                evidence = {k: v for k, v in evidence.items() if k != "interval"}
                threshold["evidence"] = Evidence(**evidence)
            check_alarm(names, threshold["label"])
            entries["threshold"] = Threshold(**threshold)
        return DecisionRule(**entries)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpamftError(f"its decision rule cannot be read: {error}") from error


def alarm_class(names: Sequence[str], named: str | None = None) -> str:
    """The class whose false alarms cost: `named`, else spam beside ham alone."""
    if named is None:
        if set(names) != {"ham", "spam"}:
            known = brief(", ".join(names), 80)
            raise SpamftError(
                f"false alarms of which class? --alarm NAME says it, one of {known}"
            )
        named = "spam"
    return names[check_alarm(names, named)]


def check_alarm(names: Sequence[str], label: str) -> int:
    """The class id of `label`. Raises SpamftError if it cannot have a threshold."""
    if label not in names:
        known = brief(", ".join(names), 80)
        raise SpamftError(f"no class {brief(label)!r} for a threshold: one of {known}")
    if UNSURE in names:
        raise SpamftError(
            f"a class is called {UNSURE}, as messages are that a threshold holds back: "
            "give it another name"
        )
    return list(names).index(label)


def show_share(share: float) -> str:
    """A share as a percentage with two digits that say something.

    >>> show_share(0.002), show_share(0.0534), show_share(0.905)
    ('0.2 %', '5.3 %', '90.5 %')
    """
    digits = 1 if share >= 0.01 else 2
    return f"{100 * share:.{digits}f}".rstrip("0").rstrip(".") + " %"


def _is_share(number: Any) -> bool:
    return type(number) in (int, float) and 0 <= number <= 1
