"""A decision rule on labelled messages: what it catches, false alarms, what is unsure.

    count_alarms(rule, logits, labels, names, "spam") -> Alarms
    alarms.precision_at(0.01)    where 1 % of the messages are spam
    locked_alarms(model, tokenizer, rule)    the same of notices that train no model

Every rate comes with a 95 % interval. Recall and false alarms do not depend on how much
spam there is, so they may be counted on messages with another share than one's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import indent

import numpy as np
import tiktoken
import torch
from torch import Tensor, nn

from spamft.data import encode_labels
from spamft.insight.calibrate import Rates, at_share
from spamft.insight.estimate import Counted, Estimate
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError
from spamft.sources.locked import locked_notices
from spamft.use.predict import dataset_for, predict_in_order
from spamft.use.verdict import NO_CLASS, DecisionRule, check_alarm, show_share

__all__ = ["Alarms", "count_alarms", "locked_alarms", "show_locked"]

DRAWS = 100_000  # the interval then stays the same in its first two digits


@dataclass(frozen=True)
class Alarms:
    """How a rule treated the messages of one class, and those of all others."""

    label: str
    own: int  # messages of the class
    caught: int  # of these, predicted as it
    own_unsure: int  # of these
    others: int  # messages of the other classes
    false: int  # of these, predicted as the class: false alarms
    others_unsure: int  # of these

    @property
    def recall(self) -> Estimate:
        """The share of the class that is caught."""
        return Counted(self.caught, self.own).estimate

    @property
    def false_alarms(self) -> Estimate:
        """The share of the other messages that are predicted as the class."""
        return Counted(self.false, self.others).estimate

    def precision_at(self, share: float, *, seed: int = 123) -> Estimate:
        """Of the messages predicted as the class, how many are, if `share` of all were.

        The interval comes from draws of recall and false alarms, each from its beta
        distribution with Jeffreys' prior. Raises SpamftError if one of the two was not
        measured.
        """
        self._check(share)
        rates = Rates(self.recall.share, self.false_alarms.share, 0.0)
        draw = np.random.default_rng(seed).beta
        recall = draw(self.caught + 0.5, self.own - self.caught + 0.5, DRAWS)
        false = draw(self.false + 0.5, self.others - self.false + 0.5, DRAWS)
        drawn = at_share(Rates(recall, false, 0.0), share)
        low, high = np.quantile(drawn, [0.025, 0.975])
        return Estimate(at_share(rates, share), float(low), float(high))

    def unsure_at(self, share: float) -> float:
        """The share of all messages without a label, if `share` were of the class."""
        self._check(share)
        own, others = self.own_unsure / self.own, self.others_unsure / self.others
        return share * own + (1 - share) * others

    def describe(self, share: float | None = None) -> str:
        """Lines of text, with the precision where `share` is of the class."""
        name = visible(self.label)
        lines = [
            f"{name}: {self.caught:,} of {self.own:,} caught, {self.recall}",
            f"false alarms: {self.false:,} of {self.others:,}, {self.false_alarms}",
            f"unsure: {self.own_unsure:,} {name}, {self.others_unsure:,} others",
        ]
        if share is not None:
            precision, unsure = self.precision_at(share), self.unsure_at(share)
            where = f"where {show_share(share)} are {name}"
            lines.append(f"{where}: precision {precision}, unsure {show_share(unsure)}")
        return "\n".join(lines)

    def to_dict(self, share: float | None = None) -> dict:
        """The same for JSON."""
        found = {"label": self.label}
        found |= {"recall": Counted(self.caught, self.own).to_dict()}
        found |= {"false_alarms": Counted(self.false, self.others).to_dict()}
        found |= {"unsure": {"own": self.own_unsure, "others": self.others_unsure}}
        if share is None:
            return found
        precision, *interval = self.precision_at(share)
        at = {"share": share, "precision": precision, "interval": interval}
        return found | {"at_share": at | {"unsure": self.unsure_at(share)}}

    def _check(self, share: float) -> None:
        if not 0 < share < 1:
            raise SpamftError(f"{share=} must be above 0 and below 1")
        if not self.own or not self.others:
            raise SpamftError(
                f"{self.own:,} messages of the class {visible(self.label)} and "
                f"{self.others:,} others: precision at a share needs some of both"
            )


def count_alarms(
    rule: DecisionRule,
    logits: Tensor,
    labels: Tensor,
    names: Sequence[str],
    label: str,
) -> Alarms:
    """Count what `rule` makes of (N, K) logits whose true classes are (N,) labels."""
    predicted, k = rule.predict(logits, names), check_alarm(names, label)
    own = labels == k
    counts = []
    for of_it in (own, ~own):
        found = predicted[of_it]
        counts += [len(found), int((found == k).sum()), int((found == NO_CLASS).sum())]
    return Alarms(label, *counts)


def locked_alarms(
    model: nn.Module,
    tokenizer: tiktoken.Encoding,
    rule: DecisionRule = DecisionRule(),  # noqa: B008, it is frozen
) -> Alarms | None:
    """What `rule` makes of the locked notices; None if the classes aren't ham and spam.

    No model has trained on them: genuine notices, of banks, schools, parcels, and spam
    that imitates them.
    """
    names = model.label_names
    if set(names) != {"ham", "spam"}:
        return None
    df = encode_labels(locked_notices(), names)
    logits = predict_in_order(model, dataset_for(model, df, tokenizer))
    return count_alarms(rule, logits, torch.tensor(df["Label"].tolist()), names, "spam")


def show_locked(alarms: Alarms) -> str:
    """The lines of `locked_alarms`, under a heading."""
    return f"locked notices, never trained on\n{indent(alarms.describe(), '  ')}"
