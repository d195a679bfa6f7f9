"""Which messages choose a run's temperature and threshold, and which measure it.

    plan = plan_rule(data, 0.002)    before the training: refuses what cannot be chosen
    plan.fit(logits, score)          after it -> the run's DecisionRule

The validation part chooses the temperature. The threshold is chosen on messages of the
other classes that balancing put aside: one half chooses, the other half measures.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from spamft.data import encode_labels
from spamft.insight.calibrate import (
    allowed_above,
    choose_threshold,
    fit_temperature,
)
from spamft.plumbing.display import brief, naming
from spamft.plumbing.errors import SpamftError
from spamft.sources.duplicates import put_aside
from spamft.sources.splits import PreparedData
from spamft.use.verdict import (
    DecisionRule,
    Evidence,
    Threshold,
    alarm_class,
    check_alarm,
    show_share,
)

__all__ = ["RulePlan", "measure_threshold", "note_too_few", "plan_rule"]

ASIDE = "other messages that balancing put aside"
VALIDATION = "other validation messages"
ENOUGH = 20  # validation messages that a temperature needs
Score = Callable[[pd.DataFrame], Tensor]  # messages with class ids -> (N, K) logits


@dataclass(frozen=True)
class _Alarm:
    """The threshold that is asked for, and the messages of other classes for it."""

    label: str
    rate: float
    messages: str  # which ones choose, in words
    choose: pd.DataFrame
    measure: pd.DataFrame


@dataclass(frozen=True)
class RulePlan:
    """What will be fitted, on which messages, and notes on what will not."""

    names: tuple[str, ...]
    validation: pd.DataFrame
    fits: bool  # whether the validation part can choose a temperature
    alarm: _Alarm | None
    notes: tuple[str, ...]

    def fit(self, logits: Mapping[str, Tensor], score: Score) -> DecisionRule:
        """The rule, from the logits of the three parts; `score` gives those of others.

        The parts' own logits are those of a model in memory, so none is computed anew.
        """
        rule = DecisionRule()
        if self.fits:
            truth = torch.tensor(self.validation["Label"].tolist())
            fitted = fit_temperature(logits["validation"], truth)
            rule = DecisionRule(fitted, len(truth))
        if self.alarm is None:
            return rule
        k = check_alarm(self.names, self.alarm.label)
        chosen, measured = (
            rule.probabilities(score(part))[:, k]
            for part in (self.alarm.choose, self.alarm.measure)
        )
        found = measure_threshold(
            chosen, measured, self.alarm.label, self.alarm.rate, self.alarm.messages
        )
        return DecisionRule(rule.temperature, rule.fitted_on, found)


def plan_rule(
    data: PreparedData, false_alarms: float | None = None, alarm: str | None = None
) -> RulePlan:
    """Plan a temperature and, for at most this rate of `false_alarms`, a threshold.

    `alarm` is the class that gives them, by default spam beside ham. Raises SpamftError
    if there are too few messages to choose the threshold.
    """
    validation = data.splits.validation
    notes = _note_on_temperature(validation, data.names)
    fits, asked = not notes, None
    if false_alarms is not None:
        asked = _plan_alarm(data, false_alarms, alarm_class(data.names, alarm))
        notes += _notes_on_alarm(asked)
    elif alarm is not None:
        raise SpamftError(
            f"{brief(alarm)!r} gets a threshold only for a rate of false alarms: add "
            "--false-alarms 1%, say"
        )
    return RulePlan(data.names, validation, fits, asked, notes)


def measure_threshold(
    chosen: Tensor, measured: Tensor, label: str, rate: float, messages: str
) -> Threshold:
    """Choose on the scores of some messages of other classes, measure on others'.

    It is at least 1/2: a threshold holds back, and a model with fewer false alarms than
    asked for need not give more, for messages that most probably are of another class.
    """
    value = max(0.5, choose_threshold(chosen, torch.zeros(len(chosen)), rate))
    false = int((measured > value).sum())
    evidence = Evidence(rate, messages, len(chosen), len(measured), false)
    return Threshold(label, value, evidence)


def note_too_few(measure: int, rate: float) -> tuple[str, ...]:
    """A note if so many messages without a false alarm would not confirm the rate.

    The rule of three: with 95 % confidence that takes 3 / rate of them.

    >>> note_too_few(1000, 0.002)[0].rpartition(": ")[2]
    'that takes 1,500'
    """
    needed = math.ceil(3 / rate - 1e-9)
    if measure >= needed:
        return ()
    return (
        f"{measure:,} messages measure the threshold, too few to confirm "
        f"{show_share(rate)} false alarms: that takes {needed:,}",
    )


def _note_on_temperature(
    validation: pd.DataFrame, names: tuple[str, ...]
) -> tuple[str, ...]:
    if len(validation) < ENOUGH:
        why = f"{len(validation)} validation messages, and {ENOUGH} are needed"
    elif validation["Label"].nunique() < len(names):
        why = "the validation part lacks a class"
    else:
        return ()
    return (f"probabilities are not calibrated, temperature 1: {why}",)


def _plan_alarm(data: PreparedData, rate: float, label: str) -> _Alarm:
    aside = encode_labels(put_aside(data.df, data.splits), data.names)
    k = data.names.index(label)
    aside = aside[aside["Label"] != k].sample(frac=1, random_state=data.seed)
    half = len(aside) // 2
    if half:
        messages, choose, measure = ASIDE, aside[:half], aside[half:]
        where = f"half of the {len(aside):,} {ASIDE}"
    else:
        messages = where = VALIDATION
        _, choose, measure = (part[part["Label"] != k] for part in data.splits)
    with naming(where):
        allowed_above(len(choose), rate)
    return _Alarm(label, rate, messages, choose, measure)


def _notes_on_alarm(alarm: _Alarm) -> tuple[str, ...]:
    notes = ()
    if alarm.messages == VALIDATION:
        notes = (
            "balancing put nothing aside: the validation part chooses the threshold, "
            "the test part measures it",
        )
    return notes + note_too_few(len(alarm.measure), alarm.rate)
