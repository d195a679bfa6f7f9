"""What a lesson asks, and how an answer is judged.

A `Question` has three choices and explains each. An `Exercise` has a law: a function of
the answer and of what the notebook has at hand that computes the right answer, so it
stands in no cell.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
from torch import Tensor

__all__ = [
    "YES_NO",
    "Exercise",
    "Law",
    "Question",
    "close",
    "is_open",
    "nearly",
    "same",
]

YES_NO = ("yes", "no")


@dataclass(frozen=True)
class Question:
    """A question about what the page teaches; each choice is (text, why or why not)."""

    text: str
    right: str  # "a", "b" or "c"
    a: tuple[str, str]
    b: tuple[str, str]
    c: tuple[str, str]

    @property
    def choices(self) -> tuple[str, ...]:
        return ("a", "b", "c")

    def __str__(self) -> str:
        lines = [f"{each}) {_flat(getattr(self, each)[0])}" for each in self.choices]
        return "\n".join([_flat(self.text), *lines])

    def explained(self) -> str:
        """Why the right choice is right, then what each other one confuses."""
        order = sorted(self.choices, key=lambda each: each != self.right)
        first, *rest = ((each, _flat(getattr(self, each)[1])) for each in order)
        lines = [f"{first[0]} is right: {first[1]}"]
        return "\n".join(lines + [f"{each} is not: {why}" for each, why in rest])


@dataclass(frozen=True)
class Law:
    """The right answer to an exercise, typical wrong ones, and a sentence for each."""

    right: Any
    because: str
    hint: str
    wrong: Sequence[tuple[Any, str]]  # a typical wrong answer, and what it confuses
    given: Any = ...  # what is compared with these; ... is the answer as it stands
    guess: Any = None  # right to guess; (low, high): a number between; None: `right`


@dataclass(frozen=True)
class Exercise:
    """Something to compute. The docstring of its law is the question to guess first."""

    law: Callable[..., Law]
    choices: tuple[str, ...] = ()  # of the guess; none: it is a number

    def __str__(self) -> str:
        return _flat(self.law.__doc__ or "")


def is_open(answer: Any) -> bool:
    """Whether `...` still stands in it."""
    several = isinstance(answer, tuple | list | set)
    return answer is ... or (several and any(map(is_open, answer)))


def same(one: Any, other: Any) -> bool:
    """Whether `one` is the answer `other`; lists one by one.

    A whole number must agree to a ten-thousandth, another to three digits.

    >>> same((1.0, "a"), [1.00001, "a"]), same(1, None), same({1}, {1})
    (True, False, True)
    >>> same(1.61, 1.60944), same(1.6, 1.60944), same(149, 150)
    (True, False, False)
    """
    one, other = _plain(one), _plain(other)
    if isinstance(one, Number) and isinstance(other, Number):
        alike = math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
        return alike or bool(abs(one - other) <= _half_a_digit(other))
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def nearly(one: Any, other: Any) -> bool:
    """Whether a number, or one of several, is the answer with too few digits.

    >>> nearly(1.6, 1.60944), nearly((0.3, 1), (0.333, 1)), nearly(149, 150)
    (True, True, False)
    """
    one, other = _plain(one), _plain(other)
    if isinstance(one, Number) and isinstance(other, Number):
        return same(one, other) or (_half_a_digit(other) > 0 and close(one, other))
    several = isinstance(one, tuple | list) and isinstance(other, tuple | list)
    return several and len(one) == len(other) and all(map(nearly, one, other))


def close(guess: float, right: float | tuple[float, float]) -> bool:
    """Whether a guess is as good as right: within a tenth, or within a pair of ends.

    >>> close(110, 100), close(111, 100), close(0, 0), close(0.2, (0.15, 0.25))
    (True, False, True, True)
    """
    if isinstance(right, tuple):
        return bool(right[0] <= guess <= right[1])
    return bool(abs(guess - right) <= 0.1 * abs(right))


def _half_a_digit(number: float) -> float:
    """By how much rounding to three digits may change it; 0 for a whole number."""
    if not math.isfinite(number) or number == round(number):
        return 0.0
    return 0.5 * 10.0 ** (math.floor(math.log10(abs(number))) - 2) * (1 + 1e-9)


def _plain(value: Any) -> Any:
    """Tensors and arrays as Python's own numbers and lists."""
    return (
        value.tolist() if isinstance(value, Tensor | np.ndarray | np.generic) else value
    )


def _flat(text: str) -> str:
    return " ".join(text.split())
