"""What makes a classifier hard to fool: `finetune(..., robust=True)`.

    plan_robustness(train, names)  -> Robustness: all measures, decided by the messages
    with_edited_copies(train, ...) -> the training part, each message again and edited

A normalizer writes every text as people see it, in training and in use. The copies show
a model what does not make a class, and genuine notices what is not spam, though it is
no chat between friends. A head that reads the mean of all tokens cannot hang on the
last one. `train` knows nothing of all this, and frozen blocks run once as ever.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import tiktoken

from spamft.data import Splits, encode_labels
from spamft.insight.edits import EDITS, LINK, Edit
from spamft.insight.place_changes import CHANGES, Change
from spamft.models.normalizer import (
    Normalizer,
    NormalizingEncoding,
    latin_share,
    look_alikes,
)
from spamft.sources.notices import notices

__all__ = [
    "DRAWN",
    "Robustness",
    "edits_of",
    "plan_robustness",
    "with_edited_copies",
]

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
    """What one run does to be hard to fool; each measure may be left out."""

    normalizer: Normalizer | None
    edits: Mapping[str, Edit]  # that copies are drawn from, by name
    copies: int = COPIES  # of each training message
    notices: pd.DataFrame | None = None  # that are learned, too; labels are numbers
    pooling: str | None = None  # of a class head, see POOLINGS; None: the method's
    notes: tuple[str, ...] = ()

    def tokenizer(self, plain: tiktoken.Encoding) -> tiktoken.Encoding:
        """`plain`, or one that reads every text as it is seen."""
        if self.normalizer is None:
            return plain
        return NormalizingEncoding(plain, self.normalizer)

    def splits(self, splits: Splits, seed: int) -> Splits:
        """The same with a larger training part: messages, then notices, then copies."""
        train = pd.concat([splits.train, self.notices], ignore_index=True)
        train = with_edited_copies(train, self.edits, self.copies, seed=seed)
        return splits._replace(train=train)

    def told(self) -> tuple[str, ...]:
        """What the run does for it, a line each."""
        if self.pooling is None:
            return self.notes
        return (*self.notes, f"robust: a class head reads by pooling {self.pooling}")

    def to_dict(self) -> dict:
        """The run's facts, for JSON."""
        table = None if self.normalizer is None else self.normalizer.table
        return {
            "normalizes": table is not None,
            "look_alikes": len(table or ()),
            "copies": self.copies,
            "drawn": list(self.edits) if self.copies else [],
            "notices": 0 if self.notices is None else len(self.notices),
            "pooling": self.pooling,
        }


def plan_robustness(train: pd.DataFrame, names: Sequence[str]) -> Robustness:
    """What suits these training messages, whose classes are called `names`.

    Letters that look like Latin ones are read as those only if nine of ten letters are
    Latin: another script is then no language of these messages. Notices are learned if
    the classes are ham and spam. Raises SpamftError if the library that knows
    look-alikes is missing.
    """
    latin = latin_share(train["Text"])
    table = look_alikes() if latin >= MOSTLY else {}
    reading = "are read as those" if table else "stay as they are"
    notes = (
        f"robust: letters that look like Latin ones {reading}: {latin:.1%} of the "
        "training messages' letters are Latin",
        f"robust: {COPIES} edited copies of each message are learned",
    )
    learned = None
    if set(names) == {"ham", "spam"}:
        learned = encode_labels(notices(), names)
        notes += (f"robust: {len(learned)} notices of the package are learned, too",)
    return Robustness(
        Normalizer(table),
        edits_of(train),
        notices=learned,
        pooling="mean",  # what stands at the end must not decide alone
        notes=notes,
    )


def edits_of(train: pd.DataFrame) -> dict[str, Edit]:
    """Those of DRAWN, and for each beginning and ending one that turns it round.

    A web address that is added is one of these messages'.
    """
    links = [link[0] for text in train["Text"] for link in LINK.finditer(text)]
    turned = {}
    for name, change in CHANGES.items():
        if "web address" in name and links:
            change = replace(change, examples=tuple(dict.fromkeys(links)))
        turned[f"{name}, or not"] = _turned(change)
    return {name: EDITS[name] for name in DRAWN} | turned


def _turned(change: Change) -> Edit:
    """The edit that takes a feature away where it is, and else puts it there.

    If one class has it more often, as many copies of the others now have it: it tells
    nothing any more.
    """

    def turn(text: str, draw: random.Random) -> str:
        if change.place.holds(text):
            return change.remove(text)
        return change.add(text, draw)

    return turn


def with_edited_copies(
    df: pd.DataFrame, edits: Mapping[str, Edit], copies: int, *, seed: int
) -> pd.DataFrame:
    """The messages, then `copies` times all of them again, each edited.

    An edit is drawn anew for each copy, among those that change the message.
    """
    draw, each = random.Random(seed), list(edits.values())
    rounds = [
        df.assign(Text=[_edited(text, each, draw) for text in df["Text"]])
        for _ in range(copies)
    ]
    return pd.concat([df, *rounds], ignore_index=True)


def _edited(text: str, edits: list[Edit], draw: random.Random) -> str:
    for edit in draw.sample(edits, len(edits)):
        edited = edit(text, draw)
        if edited != text and edited.strip():
            return edited
    return text
