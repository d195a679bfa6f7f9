"""Two measures that make a classifier hard to fool: `finetune(..., robust=True)`.

    plan_robustness(train)       -> Robustness: what is done, decided by the messages
    with_edited_copies(train, ..)-> the training part, each message again and edited

A normalizer writes every text as people see it, in training and in use. The copies
teach that what an edit changes is not what a class is. Both change the data alone:
`train` knows nothing of them, and frozen blocks run once as ever.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import tiktoken

from spamft.data import Splits
from spamft.insight.edits import EDITS, Edit
from spamft.models.normalizer import (
    Normalizer,
    NormalizingEncoding,
    latin_share,
    look_alikes,
)

__all__ = ["DRAWN", "Robustness", "plan_robustness", "with_edited_copies"]

COPIES = 2  # of each training message
MOSTLY = 0.9  # of the letters must be Latin, before others are look-alikes of them

# The edits that training draws from. Four more are undone by the normalizer, and others
# are held out, so that `stress` shows what was learned and not what was repeated.
DRAWN = (
    "spaces in words",
    "a typo a word",
    "lower case",
    "capitals",
    "a full stop at the end",
    "no punctuation at the end",
    "a greeting in front",
    "link in front",
    "link in the middle",
    "link at the end",
    "cut at 160 characters",
)


@dataclass(frozen=True)
class Robustness:
    """What one run does to be hard to fool."""

    normalizer: Normalizer
    latin: float  # share of the letters of the training messages, 0..1
    drawn: tuple[str, ...] = DRAWN
    copies: int = COPIES

    def tokenizer(self, plain: tiktoken.Encoding) -> NormalizingEncoding:
        """`plain`, which now reads every text as it is seen."""
        return NormalizingEncoding(plain, self.normalizer)

    def splits(self, splits: Splits, seed: int) -> Splits:
        """The same with a larger training part."""
        edits = [EDITS[name] for name in self.drawn]
        train = with_edited_copies(splits.train, edits, self.copies, seed=seed)
        return splits._replace(train=train)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is done, in words."""
        share = f"{self.latin:.1%} of the training messages' letters are Latin"
        if self.normalizer.table:
            reading = f"letters that look like Latin ones are read as those: {share}"
        else:
            reading = f"letters that look like Latin ones stay as they are: {share}"
        learned = f"{self.copies} edited copies of each training message are learned"
        return f"robust: {reading}", f"robust: {learned}"

    def to_dict(self) -> dict:
        """The run's facts, for JSON."""
        return {
            "look_alikes": len(self.normalizer.table),
            "latin_letters": self.latin,
            "copies": self.copies,
            "drawn": list(self.drawn),
        }


def plan_robustness(train: pd.DataFrame) -> Robustness:
    """What suits these training messages.

    Look-alikes are mapped only if nine of ten letters are Latin: other scripts are then
    no language of these messages. Raises SpamftError if the library that knows
    look-alikes is missing.
    """
    latin = latin_share(train["Text"])
    table = look_alikes() if latin >= MOSTLY else {}
    return Robustness(Normalizer(table), latin)


def with_edited_copies(
    df: pd.DataFrame, edits: Sequence[Edit], copies: int, *, seed: int
) -> pd.DataFrame:
    """The messages, then `copies` times all of them again, each edited.

    An edit is drawn anew for each copy, among those that change the message.
    """
    draw = random.Random(seed)
    rounds = [
        df.assign(Text=[_edited(text, edits, draw) for text in df["Text"]])
        for _ in range(copies)
    ]
    return pd.concat([df, *rounds], ignore_index=True)


def _edited(text: str, edits: Sequence[Edit], draw: random.Random) -> str:
    for edit in draw.sample(edits, len(edits)):
        edited = edit(text, draw)
        if edited != text and edited.strip():
            return edited
    return text
