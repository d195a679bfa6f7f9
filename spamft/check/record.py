"""What a learner guessed, how sure, and whether it was right: one small JSON file.

    {"6.1": {"answer": 1.6, "sure": 0.8, "choices": 0, "right": true, "later": [],
             "made": "2026-03-03"}}

It is written at once and whole, in the learner's folder. Two notebooks may write it at
the same time: each waits for the other.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_json, write_json
from spamft.plumbing.locks import take

__all__ = ["FILE", "Guess", "keep", "read_guesses", "remove", "settle"]

FILE = "guesses.json"
PATIENCE = 10  # seconds to wait for another notebook, which takes milliseconds


@dataclass(frozen=True)
class Guess:
    """The first guess, which counts, and those made once the answer was known."""

    answer: str | float
    sure: float  # a probability
    choices: int  # that there were; 0: a number
    right: bool | None = None  # None while the answer is not known
    later: tuple = ()  # pairs of answer and sure
    made: str = ""  # the day, as 2026-03-03; not known of older files

    def __post_init__(self):
        number = isinstance(self.answer, int | float) and math.isfinite(self.answer)
        if not (
            (isinstance(self.answer, str) or number)
            and isinstance(self.sure, int | float)
            and 0 <= self.sure <= 1
            and self.choices in (0, 2, 3)
            and self.right in (None, True, False)
            and isinstance(self.later, tuple)
            and (self.made == "" or date.fromisoformat(self.made))
        ):
            raise ValueError(f"{self} is no guess")


def read_guesses(folder: Path | str) -> dict[str, Guess]:
    """All guesses by name; none without a file. Raises SpamftError for a broken one."""
    path = Path(folder) / FILE
    if not path.exists():
        return {}
    try:
        return {name: _guess(**entry) for name, entry in read_json(path).items()}
    except SpamftError as error:
        what = str(error)
    except (TypeError, ValueError):
        what = f"{path}: it does not hold guesses"
    raise SpamftError(f"{what}; move it away, and a new one begins")


def _guess(later: list, **entry) -> Guess:
    return Guess(**entry, later=tuple(map(tuple, later)))  # JSON has no tuples


def keep(folder: Path | str, name: str, guess: Guess) -> Guess:
    """Write `guess` down and return the one that counts.

    It replaces an earlier one, unless the answer is known already: then it is kept
    beside the first, which counts.
    """
    with _writing(folder) as guesses:
        first = guesses.get(name)
        if first is not None and first.right is not None:
            again = (guess.answer, guess.sure)
            known = [(first.answer, first.sure), *first.later]
            if again not in known:  # a cell that is run again is no new guess
                first = replace(first, later=(*first.later, again))
            guess = first
        guesses[name] = guess
    return guess


def settle(
    folder: Path | str, name: str, judge: Callable[[Guess], bool | None]
) -> Guess | None:
    """Write down once whether the guess was right; return it, None if there is none."""
    if name not in read_guesses(folder):
        return None
    with _writing(folder) as guesses:
        if guesses[name].right is None:
            guesses[name] = replace(guesses[name], right=judge(guesses[name]))
        return guesses[name]


def remove(folder: Path | str) -> list[str]:
    """Delete the file of guesses; return the names that it held."""
    path = Path(folder) / FILE
    if not path.exists():
        return []
    with _alone(path):
        names = list(read_guesses(folder))
        path.unlink()
    return names


@contextmanager
def _writing(folder: Path | str) -> Iterator[dict[str, Guess]]:
    """The guesses, to be changed: written when the block ends, if anything changed."""
    path = Path(folder) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        guesses = read_guesses(folder)
        before = dict(guesses)
        yield guesses
        if guesses != before:
            write_json(path, {name: asdict(each) for name, each in guesses.items()})


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process has the file. Raises SpamftError after PATIENCE."""
    place = path.with_name(f".{path.name}.lock")
    until = time.monotonic() + PATIENCE
    while (lock := _lock(place)) is None:
        if time.monotonic() > until:
            raise SpamftError(
                f"{path}: another notebook has locked it for {PATIENCE} s: stop that "
                "one's kernel, then run this cell again"
            )
        time.sleep(0.02)
    try:
        yield
    finally:
        lock.release()


def _lock(place: Path):
    try:
        return take(place)
    except OSError as error:
        raise SpamftError(
            f"cannot write to {place.parent}: {error.strerror}; give another folder"
        ) from error
