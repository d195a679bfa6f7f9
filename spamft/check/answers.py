"""Ask, guess, check: what a learner calls in a notebook.

    ask("6.q1")                       the question and its choices
    guess("6.q1", "b", sure=0.7)      written down, then explained
    guess("6.1", 1.6, sure=0.5)       written down, before the cell that computes
    check("6.1", value)               right, a misconception, or a hint

No wrong answer raises an error, so a whole notebook can run. `...` is an answer that is
still open.
"""

import inspect
import math
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spamft.check.exercise import Exercise, Law, Question, close, is_open, same
from spamft.check.lessons import find
from spamft.check.record import Guess, keep, settle
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = ["Answer", "ask", "check", "guess"]

WIDTH = 79  # columns of a notebook's output that need no scrolling
HERE = "."  # a notebook's kernel works in its folder


@dataclass(frozen=True)
class Answer:
    """What is said to the learner; as the last line of a cell it shows."""

    outcome: str  # "asked", "noted", "open", "right", "misconception" or "wrong"
    text: str

    def __repr__(self) -> str:
        lines = [textwrap.fill(line, WIDTH) for line in self.text.splitlines()]
        return "\n".join(lines)


def ask(name: str) -> Answer:
    """The question by that name, with its choices."""
    return Answer("asked", f"{name}  {find(name)}")


def guess(name: str, answer: Any, *, sure: Any, folder: Path | str = HERE) -> Answer:
    """Write down an answer, and how sure you are of it, into a file in `folder`.

    `sure` is a probability, from that of drawing lots among the choices to 1. A number
    counts as right within a tenth. Raises SpamftError for an answer of another kind.
    """
    asked = find(name)
    if is_open(answer) or is_open(sure):
        how = " or ".join(map(repr, asked.choices)) or "a number"
        return Answer(
            "open",
            f"{name} waits for your guess: {how} in place of the first ..., and how "
            f"sure you are, from {_lots(asked):.2g} to 1, in place of the second.",
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
    return Answer("wrong", f"{name}: not yet. Hint: {law.hint}")


def _valid(name: str, asked: Question | Exercise, answer: Any, sure: Any) -> Guess:
    """The guess, or SpamftError for one of another kind."""
    lowest = _lots(asked)
    if asked.choices and not (isinstance(answer, str) and answer in asked.choices):
        raise SpamftError(
            f"{name}: {brief(answer)!r} is none of its answers: "
            f"{', '.join(map(repr, asked.choices))}"
        )
    if not asked.choices:
        answer = _number(name, answer, "its answer")
    sure = _number(name, sure, "sure")
    if not lowest - 0.01 <= sure <= 1:  # 0.33 is as good as a third
        raise SpamftError(
            f"{name}: sure={sure:g} must be from {lowest:.2g}, which is drawing lots, "
            "to 1, which is certain"
        )
    return Guess(answer, sure, len(asked.choices))


def _lots(asked: Question | Exercise) -> float:
    """How likely one is right who draws lots."""
    return 1 / len(asked.choices) if asked.choices else 0.0


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
        return close(first.answer, float(wanted))

    return settle(folder, name, judged)


def _remark(counts: Guess, mine: Guess) -> str:
    noted = f"Noted: {_shown(mine)}."
    if counts.right is None or (counts.answer, counts.sure) == (mine.answer, mine.sure):
        return noted
    return f"{noted} The answer was known: your first counts, {_shown(counts)}."


def _looking_back(counts: Guess | None) -> str:
    if counts is None:
        return "There is no guess of yours to compare. Next time guess first."
    was = {True: "right", False: "wrong", None: "not judged"}[counts.right]
    return f"Your guess, {_shown(counts)}, was {was}."


def _shown(guess: Guess) -> str:
    answer = guess.answer if isinstance(guess.answer, str) else f"{guess.answer:g}"
    return f"{answer}, {guess.sure:.0%} sure"
