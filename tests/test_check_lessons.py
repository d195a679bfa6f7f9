import re

import pytest
from notebook_cells import lesson_of

from notebooks.build import SOURCES
from spamft.check.exercise import Exercise, Question
from spamft.check.lessons import find
from spamft.plumbing.errors import SpamftError

NUMBERS = [lesson_of(source) for source in SOURCES]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_notebook_has_three_exercises_and_three_questions(number):
    for place in (1, 2, 3):
        exercise, question = find(f"{number}.{place}"), find(f"{number}.q{place}")
        assert isinstance(exercise, Exercise) and str(exercise).endswith("?")
        assert isinstance(question, Question) and question.right in question.choices
        # a choice that has no reason teaches nothing
        for each in question.choices:
            text, why = getattr(question, each)
            assert text.endswith(".") and why.endswith("."), (number, place, each)
            assert len(why.split()) >= 5


def test_no_right_choice_can_be_guessed_from_its_length():
    """Right choices are the longest about as often as one of three is."""
    longest = 0
    for number in NUMBERS:
        for place in (1, 2, 3):
            question = find(f"{number}.q{place}")
            lengths = {c: len(getattr(question, c)[0]) for c in question.choices}
            longest += max(lengths, key=lengths.get) == question.right
    assert longest < len(NUMBERS) * 3 * 0.6


def test_no_page_has_one_letter_throughout_and_each_is_right_as_often():
    rights = {n: [find(f"{n}.q{place}").right for place in (1, 2, 3)] for n in NUMBERS}
    assert not [number for number, letters in rights.items() if len({*letters}) == 1]
    for letter in "abc":
        count = sum(letters.count(letter) for letters in rights.values())
        assert count / (3 * len(NUMBERS)) == pytest.approx(1 / 3, abs=0.06), letter


def test_a_name_that_no_lesson_has_is_refused_with_what_there_is():
    for name in ("99.1", "6", "6.x", "../6.1", "6.10", None):
        with pytest.raises(SpamftError, match=re.escape("such as '6.1' or '6.q2'")):
            find(name)
    with pytest.raises(SpamftError, match="lesson 6 has no '4', but 1, 2, 3, q1"):
        find("6.4")
