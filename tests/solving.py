"""A lesson's exercises, answered as in the solutions, as many do, and otherwise."""

import inspect
from collections.abc import Mapping
from pathlib import Path

import jupytext
from notebook_cells import lesson_of, tagged

from notebooks.build import HERE
from spamft.check import check, guess
from spamft.check.lessons import find
from spamft.check.record import read_guesses

# how the notebook spells the answer; another wrong one, unless each has its own name
Trial = tuple[str, str | None]


def solutions_of(lesson: str):
    folder = HERE / "src" / "solutions"
    [path] = [each for each in folder.glob("*.py") if lesson_of(each) == lesson]
    return jupytext.read(path)


def try_out(
    name: str,
    trial: Trial,
    at_hand: Mapping[str, object],
    folder: Path,
    **spelled: str,
) -> None:
    """Fail unless the solution is right, `wrong-N` a misconception, and else a hint.

    `spelled` are what the exercise needs that has another name in the notebook.
    """
    lesson, number = name.split(".")
    exercise, solutions = find(name), solutions_of(lesson)
    expression, other = trial
    needed = [*inspect.signature(exercise.law).parameters][1:]
    mine = exercise.choices[0] if exercise.choices else 0.5
    guess(name, mine, sure=1, folder=folder)

    def outcome(code: str):
        names = dict(at_hand)
        exec(code, names)
        given = {each: eval(spelled.get(each, each), names) for each in needed}
        return check(name, eval(expression, names), folder=folder, **given)

    answers = {
        kind: outcome(tagged(solutions, f"{kind}-{number}"))
        for kind in ("wrong", "exercise")
    }
    assert answers["wrong"].outcome == "misconception", answers["wrong"]
    assert answers["exercise"].outcome == "right", answers["exercise"]
    assert "Your guess" in answers["exercise"].text
    assert read_guesses(folder)[name].right is not None, "the guess is judged"
    again = tagged(solutions, f"exercise-{number}")
    if other is not None:
        hint = outcome(f"{again}\n{other}")
        assert hint.outcome == "wrong" and "Hint: " in hint.text, hint
    first = expression.strip("()").split(",")[0]
    assert outcome(f"{again}\n{first} = ...").outcome == "open"
