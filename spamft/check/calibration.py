"""Is a learner right as often as sure? What notebook 14 asks of a model, asked of us.

A guess counts once its answer is known. It was right or wrong, and was made with a
probability: that is all that a Brier score, a loss, a reliability diagram and a
temperature need, of a model or of a person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from spamft.check.answers import HERE, Answer
from spamft.check.record import read_guesses
from spamft.insight.calibrate import fit_temperature
from spamft.plots import Picture, plot_reliability
from spamft.plumbing.scores import wilson

__all__ = ["Calibration", "calibration"]

FEWEST = 20  # guesses: with fewer a diagram shows chance
BINS = 5  # a learner has a hundred guesses, not thousands
SUREST = 0.99  # a person's 1 is no more: the loss of one mistake would be infinite


@dataclass(frozen=True, repr=False)
class Calibration:
    """Guesses whose answer is known: columns name, answer, sure, choices, right."""

    table: pd.DataFrame

    @property
    def enough(self) -> bool:
        """Whether a diagram and a temperature would show more than chance."""
        return len(self.table) >= FEWEST

    @property
    def brier(self) -> float:
        """The mean square of sure minus right, 0 at best."""
        return float(((self.table["sure"] - self.table["right"]) ** 2).mean())

    @property
    def loss(self) -> float:
        """Minus the logarithm of the probability given to what came true, in nats."""
        sure = self.table["sure"].clip(1 - SUREST, SUREST)
        return float(-np.log(sure.where(self.table["right"], 1 - sure)).mean())

    @property
    def temperature(self) -> float:
        """What would bring sure nearest to right; above 1 for the overconfident."""
        labels = torch.tensor((~self.table["right"]).to_numpy(), dtype=torch.long)
        return fit_temperature(self._logits(), labels)

    def reliability(self, temperature: float = 1.0) -> np.ndarray:
        """(BINS, 3): how sure on average, how often right, how many guesses."""
        sure = (self._logits() / temperature).softmax(-1)[:, 0].numpy()
        right, table = self.table["right"].to_numpy(), np.zeros((BINS, 3))
        place = np.minimum((sure * BINS).astype(int), BINS - 1)
        for b in range(BINS):
            if (place == b).any():
                rows = place == b
                table[b] = sure[rows].mean(), right[rows].mean(), rows.sum()
        return table

    def beside(self, models: Mapping[str, np.ndarray]) -> Picture | Answer:
        """Your reliability beside that of models, or words if you guessed too little.

        A model's table is that of `evaluate.reliability`.
        """
        if not self.enough:
            return Answer("open", str(self))
        softened = self.reliability(self.temperature)
        mine = {"you": self.reliability(), "you, with temperature": softened}
        return plot_reliability({**models, **mine})

    def __repr__(self) -> str:
        count = len(self.table)
        if not self.enough:
            return (
                f"{count} of your guesses have an answer. A diagram of fewer than "
                f"{FEWEST} would show chance:\nguess more often before you compute, "
                "then come back."
            )
        right, sure = self.table["right"].mean(), self.table["sure"].mean()
        low, high = wilson(int(self.table["right"].sum()), count)
        how = "overconfident" if sure > high else "underconfident"
        if low <= sure <= high:
            how = "neither over- nor underconfident, as far as so few guesses show"
        return (
            f"{count} guesses: {right:.0%} right (95 % interval {low:.0%} to "
            f"{high:.0%}), {sure:.0%} sure on average:\n{how}. Brier score "
            f"{self.brier:.3f} (0 at best; 0.25 if you always say 50 %), loss "
            f"{self.loss:.3f} nats.\nTemperature {self.temperature:.2f}, fitted to "
            "these same guesses: above 1 means surer than right."
        )

    def _logits(self) -> Tensor:
        """(N, 3): the guess first, then what else could be true, equally likely."""
        sure = torch.tensor(self.table["sure"].to_numpy(dtype=float))
        sure = sure.clamp(1 - SUREST, SUREST)
        # a number is right or wrong, which makes two
        others = torch.tensor(self.table["choices"].clip(lower=2).to_numpy()) - 1
        share = ((1 - sure) / others).log()
        lacking = torch.full_like(share, -torch.inf)
        third = torch.where(others == 2, share, lacking)
        return torch.stack([sure.log(), share, third], dim=1)


def calibration(folder: Path | str = HERE) -> Calibration:
    """All guesses in `folder` whose answer is known, by when they were first made.

    Raises SpamftError if their file is broken.
    """
    columns = ["name", "answer", "sure", "choices", "right"]
    guesses = read_guesses(folder).items()
    rows = [
        (name, each.answer, each.sure, each.choices, each.right)
        for name, each in guesses
        if each.right is not None
    ]
    table = pd.DataFrame(rows, columns=columns)
    return Calibration(table.astype({"sure": float, "choices": int, "right": bool}))
