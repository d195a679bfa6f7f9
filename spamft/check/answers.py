"""Ask, guess, check: what a learner calls in a notebook.

    ask("6.q1")                       the question and its choices
    guess("6.q1", "b", sure=0.7)      written down, then explained
    guess("6.1", 1.6, sure=0.5)       written down, before the cell that computes
    check("6.1", value)               right, a misconception, or a hint
    forget()                          all guesses are removed: a new learner begins

No wrong answer raises an error, so a whole notebook can run. `...` is an answer that is
still open.
"""

import inspect
import math
import textwrap
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from spamft.check.exercise import (
    Exercise,
    Law,
    Question,
    close,
    is_open,
    nearly,
    same,
)
from spamft.check.lessons import find
from spamft.check.record import FILE, Guess, keep, remove, settle
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = ["Answer", "ask", "check", "forget", "guess"]

WIDTH = 79  # columns of a notebook's output that need no scrolling
SURE = "the chance, from 0 to 1, that you are right"
HERE = "."  # a notebook's kernel works in its folder


@dataclass(frozen=True)
class Answer:
    """What is said to the learner; as the last line of a cell it shows."""

    # "asked", "noted", "open", "right", "misconception", "wrong" or "forgotten"
    outcome: str
    text: str

    def __repr__(self) -> str:
        lines = [textwrap.fill(line, WIDTH) for line in self.text.splitlines()]
        return "\n".join(lines)


def ask(name: str) -> Answer:
    """The question by that name, with its choices."""
    return Answer("asked", f"{name}  {find(name)}")


def guess(name: str, answer: Any, *, sure: Any, folder: Path | str = HERE) -> Answer:
    """Write down an answer, and how sure you are of it, into a file in `folder`.

    `sure` is the chance, from 0 to 1, that you are right. A number counts as right
    within a tenth, unless the exercise says otherwise. Raises SpamftError for an answer
    of another kind.
    """
    asked = find(name)
    if is_open(answer) or is_open(sure):
        how = " or ".join(map(repr, asked.choices)) or "a number"
        return Answer(
            "open",
            f"{name} waits for your guess: {how} in place of the first ..., and in "
            f"place of the second {SURE}.{_blindly(asked)}",
        )
    mine = _valid(name, asked, answer, sure)
    counts = keep(folder, name, mine)
    if isinstance(asked, Question):
        settle(folder, name, lambda first: first.answer == asked.right)
        outcome = "right" if mine.answer == asked.right else "wrong"
        return Answer(outcome, f"{_remark(counts, mine)}\n{asked.explained()}")
    return Answer("noted", f"{name} {_remark(counts, mine)} Now compute it.")


def check(
    name: str, answer: Any, /, *, folder: Path | str = HERE, **at_hand: Any
) -> Answer:
    """Say whether `answer` solves the exercise, by what the notebook has at hand.

    A typical wrong answer gets its misconception named, another one a hint. Raises
    SpamftError if something is missing that the exercise needs, never for an answer.
    """
    exercise = find(name)
    if not isinstance(exercise, Exercise):
        raise SpamftError(f"{name} is a question: answer it with guess({name!r}, ...)")
    needed = [*inspect.signature(exercise.law).parameters][1:]
    if set(needed) != set(at_hand):
        given = ", ".join(f"{each}={each}" for each in needed)
        raise SpamftError(f"exercise {name} is checked with ({given or 'no more'})")
    if is_open(answer):
        return Answer("open", f"{name} is still open: replace the ...")
    try:
        law = exercise.law(answer, **at_hand)
    except Exception as error:  # whatever a learner may give: it is no crash of ours
        what = brief(f"{type(error).__name__}: {error}", 120)
        return Answer(
            "wrong",
            f"{name}: this cannot be checked ({what}). Read again what is asked.",
        )
    counts = _settle(folder, name, exercise, law)
    given = answer if law.given is ... else law.given
    if same(given, law.right):
        return Answer("right", f"{name}: right. {law.because}\n{_looking_back(counts)}")
    for typical, misconception in law.wrong:
        if same(given, typical):
            return Answer("misconception", f"{name}: not yet. {misconception}")
    near = "This is near: give three digits. " if nearly(given, law.right) else ""
    return Answer("wrong", f"{name}: not yet. {near}Hint: {law.hint}")


def forget(*, folder: Path | str = HERE) -> Answer:
    """Remove all guesses in `folder`, so that a new learner starts anew."""
    removed = remove(folder)
    if not removed:
        return Answer("forgotten", "There are no guesses to forget.")
    names = brief(", ".join(removed), 200)
    return Answer(
        "forgotten",
        f"{len(removed)} guesses are removed with {FILE}: {names}. A new learner can "
        "begin.",
    )


def _valid(name: str, asked: Question | Exercise, answer: Any, sure: Any) -> Guess:
    """The guess, or SpamftError for one of another kind."""
    if asked.choices and not (isinstance(answer, str) and answer in asked.choices):
        raise SpamftError(
            f"{name}: {brief(answer)!r} is none of its answers: "
            f"{', '.join(map(repr, asked.choices))}"
        )
    if not asked.choices:
        answer = _number(name, answer, "its answer")
    sure = _number(name, sure, "sure")
    if not 0 <= sure <= 1:
        meant = f"; {sure:g} % is sure={sure / 100:g}" if 1 < sure <= 100 else ""
        raise SpamftError(f"{name}: sure={sure:g}, but it is {SURE}{meant}")
    today = date.today().isoformat()
    return Guess(answer, sure, len(asked.choices), made=today)


def _blindly(asked: Question | Exercise) -> str:
    """What is sure who knows nothing: nobody can say that of a number."""
    n = len(asked.choices)
    return f" Guessing blindly among {n} answers is {1 / n:.2g}." if n else ""


def _number(name: str, value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or isinstance(value, str):
        raise SpamftError(f"{name}: {what} is a number, not {brief(value)!r}")
    return number


def _settle(
    folder: Path | str, name: str, exercise: Exercise, law: Law
) -> Guess | None:
    """The learner's guess, judged; None if there is none."""
    wanted = law.right if law.guess is None and not exercise.choices else law.guess

    def judged(first: Guess) -> bool | None:
        if wanted is None or wanted is ...:
            return None
        if exercise.choices:
            return first.answer == wanted
        return close(first.answer, wanted)

    return settle(folder, name, judged)


def _remark(counts: Guess, mine: Guess) -> str:
    noted = f"Noted: {_shown(mine)}."
    if counts.right is None or (counts.answer, counts.sure) == (mine.answer, mine.sure):
        return noted
    return (
        f"{noted} The answer was known: your first guess{_when(counts)} counts, "
        f"{_shown(counts)}."
    )


def _looking_back(counts: Guess | None) -> str:
    if counts is None:
        return "There is no guess of yours to compare. Next time guess first."
    was = {True: "right", False: "wrong", None: "not judged"}[counts.right]
    return f"Your guess{_when(counts)}, {_shown(counts)}, was {was}."


def _when(guess: Guess) -> str:
    """The day of a guess; nothing if none was written down."""
    if not guess.made:
        return ""
    day = date.fromisoformat(guess.made)
    return f" of {day.day} {day:%B} {day.year}"


def _shown(guess: Guess) -> str:
    answer = guess.answer if isinstance(guess.answer, str) else f"{guess.answer:g}"
    return f"{answer}, {guess.sure:.0%} sure"
