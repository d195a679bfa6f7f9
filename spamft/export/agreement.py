"""Whether an exported model gives what spamft gives: asked before anything is written.

Numbers are compared on the messages of the run's test part and on texts that break
tokenizers; ids on every text of the run.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = [
    "BOUND",
    "Agreement",
    "Measured",
    "check_ids",
    "check_numbers",
    "largest_gap",
    "odd_texts",
    "rate",
]

BOUND = 1e-4  # of a logit or a probability, between two programs in float32

ODD = (
    *("", " ", "\n\n", "a", "  two  spaces ", "it's 12 o'clock", "don't"),
    *("<|endoftext|>", "a <|endoftext|>", "<|padding|> <|im_end|>", "[PAD]"),
    *(
        "Ünïcödé 日本 🎉👍",
        "½²① Ⅷ ٣٤",
        "a\u200bb\u00a0c\u2003",
        "e\u0301",
        "\x00\x04",
        "x\x04",
    ),
)


def odd_texts(most: int) -> list[str]:
    """Texts that a tokenizer may read differently, some of more than `most` tokens."""
    return [*ODD, "free entry " * most, "🎉" * most, "a" * 20 * most]


@dataclass(frozen=True)
class Agreement:
    """How far two programs agree on the same texts."""

    texts: int
    difference: float  # the largest, of a logit or a probability

    def __str__(self) -> str:
        return f"by {self.difference:.1e} at most on {self.texts:,} texts"


@dataclass(frozen=True)
class Measured:
    """An exported file on the messages of the run's test part."""

    texts: int
    difference: float  # the largest of a probability
    flipped: int  # verdicts that are not spamft's
    size: int  # bytes of the file
    per_second: float  # messages, on this machine

    @property
    def agreement(self) -> str:
        """What does not depend on the machine."""
        return (
            f"probabilities differ by {self.difference:.1e} at most, {self.flipped:,} "
            f"of {self.texts:,} verdicts are others"
        )

    def __str__(self) -> str:
        return (
            f"{self.agreement}; {self.size / 1e6:,.1f} MB, {self.per_second:,.0f} "
            "messages a second"
        )


def check_ids(
    texts: Sequence[str], found: Iterable[list[int]], wanted: Iterable[list[int]]
) -> None:
    """Raise SpamftError unless the tokens of each text are the wanted ones."""
    for text, theirs, ours in zip(texts, found, wanted, strict=True):
        if list(theirs) != ours:
            raise SpamftError(
                f"not exported: its tokenizer reads {brief(repr(text), 60)} as "
                f"{brief(theirs, 80)}, spamft as {brief(ours, 80)}"
            )


def check_numbers(found: Tensor, wanted: Tensor, what: str) -> Agreement:
    """Compare (N, K) numbers. Raises SpamftError if any differs by more than BOUND."""
    largest = largest_gap(found, wanted)
    if largest > BOUND:
        raise SpamftError(
            f"not exported: {what} differ from spamft's by {largest:.1e}, more than "
            f"{BOUND:.0e}"
        )
    return Agreement(len(wanted), largest)


def largest_gap(found: Tensor, wanted: Tensor) -> float:
    """The largest difference of two numbers; infinite where one is no number."""
    gap = (found.double() - wanted.double()).abs()
    return torch.nan_to_num(gap, nan=torch.inf).max().item()


def rate(run: Callable[[list[str]], Any], texts: list[str]) -> tuple[Any, float]:
    """What `run` gives for texts, and how many of them a second, once it is warm."""
    run(texts[:8])
    began = time.perf_counter()
    found = run(texts)
    return found, len(texts) / (time.perf_counter() - began)
