"""The name of a question or an exercise -> what it asks: "6.q2" is in lesson_06.py."""

import re
from importlib import import_module, util

from spamft.check.exercise import Exercise, Question
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = ["find"]


def find(name: str) -> Question | Exercise:
    """What `name` asks, a notebook's number and a question's or an exercise's.

    Raises SpamftError for a name that no lesson has.
    """
    parts = re.fullmatch(r"(\d{1,2})(\w?)\.(q?\d)", str(name))
    module = parts and f"spamft.check.lesson_{int(parts[1]):02d}{parts[2]}"
    if not parts or util.find_spec(module) is None:
        raise SpamftError(
            f"no lesson has {brief(name)!r}: write a notebook's number and an "
            "exercise's or a question's, such as '6.1' or '6.q2'"
        )
    lesson = import_module(module)
    asked = lesson.EXERCISES | lesson.QUESTIONS
    if parts[3] not in asked:
        raise SpamftError(
            f"lesson {parts[1]}{parts[2]} has no {parts[3]!r}, but {', '.join(asked)}"
        )
    return asked[parts[3]]
