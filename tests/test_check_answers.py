import math
from datetime import date

import numpy as np
import pytest
import torch

from spamft.check import ask, check, forget, guess
from spamft.check.record import FILE, read_guesses
from spamft.plumbing.errors import SpamftError


def test_a_question_is_asked_answered_and_explained(tmp_path):
    asked = ask("6.q1")
    assert asked.outcome == "asked" and "\nb) " in asked.text
    answer = guess("6.q1", "a", sure=0.7, folder=tmp_path)
    assert answer.outcome == "wrong"
    assert "c is right: " in answer.text and "a is not: " in answer.text
    found = read_guesses(tmp_path)["6.q1"]
    assert (found.answer, found.sure, found.right) == ("a", 0.7, False)


def test_a_second_answer_to_a_question_is_kept_beside_the_first(tmp_path):
    guess("6.q1", "a", sure=0.7, folder=tmp_path)
    again = guess("6.q1", "c", sure=1, folder=tmp_path)
    assert again.outcome == "right"
    today = f"{date.today():%B} {date.today().year}"
    assert "your first guess of " in again.text
    assert f"{today} counts, a, 70% sure." in " ".join(again.text.split())
    assert read_guesses(tmp_path)["6.q1"].right is False


def test_an_open_answer_says_so_and_writes_nothing(tmp_path):
    for answer, sure in ((..., ...), (1, ...), (..., 0.5)):
        assert guess("6.1", answer, sure=sure, folder=tmp_path).outcome == "open"
    assert check("6.1", ..., folder=tmp_path).outcome == "open"
    assert check("6.3", (0.87, ...), folder=tmp_path).outcome == "open"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sure", [1.01, -1, 101, math.nan, None, "very", "80%"])
def test_sure_is_a_probability(sure, tmp_path):
    with pytest.raises(SpamftError, match=r"6.q1: .*sure"):
        guess("6.q1", "a", sure=sure, folder=tmp_path)
    assert not (tmp_path / FILE).exists()
    for sure in (0, 0.2, 1):
        assert guess("6.q1", "a", sure=sure, folder=tmp_path / str(sure))


def test_a_percentage_is_told_the_right_number(tmp_path):
    with pytest.raises(SpamftError, match=r"from 0 to 1, .*; 80 % is sure=0.8"):
        guess("6.q1", "a", sure=80, folder=tmp_path)


def test_whoever_waits_is_told_what_sure_means_in_the_same_words_everywhere(tmp_path):
    for name, blindly in (("6.q1", 0.33), ("6.2", 0.5), ("6.1", None)):
        told = guess(name, ..., sure=..., folder=tmp_path).text
        assert "the chance, from 0 to 1, that you are right" in told
        assert ("Guessing blindly" in told) is (blindly is not None)
        assert blindly is None or f"answers is {blindly}." in told


def test_a_guess_of_another_kind_is_refused_with_what_is_wanted(tmp_path):
    for answer in ("d", 1, None, True, np.array(["a"])):
        with pytest.raises(SpamftError, match="none of its answers: 'a', 'b', 'c'"):
            guess("6.q1", answer, sure=0.5, folder=tmp_path)
    with pytest.raises(SpamftError, match="'yes', 'no'"):
        guess("6.2", "Yes!", sure=0.5, folder=tmp_path)
    for answer in ("1.6", math.inf, [1, 2], torch.zeros(2)):
        with pytest.raises(SpamftError, match="6.1: its answer is a number"):
            guess("6.1", answer, sure=0.5, folder=tmp_path)
    assert guess("6.q2", "a", sure=0.33, folder=tmp_path), "a third, as people write it"
    assert guess("6.1", torch.tensor(1.6), sure=0, folder=tmp_path).outcome == "noted"


def test_a_number_is_guessed_right_within_a_tenth(tmp_path):
    for number, right in ((1.5, True), (1.7, True), (1.4, False)):
        folder = tmp_path / str(number)
        guess("6.1", number, sure=0.8, folder=folder)
        check("6.1", 0, folder=folder)
        assert read_guesses(folder)["6.1"].right is right


def test_the_guess_counts_from_the_first_answer_on_right_or_wrong(tmp_path):
    guess("6.1", 1.6, sure=0.8, folder=tmp_path)
    wrong = check("6.1", 99, folder=tmp_path)
    assert "was right" not in wrong.text, "that would tell the answer"
    guess("6.1", 3.0, sure=1, folder=tmp_path)
    answer = check("6.1", math.log(5), folder=tmp_path)
    day = f"{date.today().day} {date.today():%B} {date.today().year}"
    assert f"Your guess of {day}, 1.6, 80% sure, was right." in answer.text


def test_a_rounded_answer_is_right_with_three_digits_and_near_with_less(tmp_path):
    assert check("6.1", 1.61, folder=tmp_path).outcome == "right"
    near = check("6.1", 1.6, folder=tmp_path)
    assert near.outcome == "wrong" and "This is near: give three digits." in near.text
    assert "near" not in check("6.1", 2.5, folder=tmp_path).text
    assert check("0.1", 3844, folder=tmp_path).outcome == "wrong", "a count is exact"


def test_a_new_learner_starts_anew_and_is_told_what_is_gone(tmp_path):
    assert "no guesses" in forget(folder=tmp_path).text
    guess("6.q1", "a", sure=0.7, folder=tmp_path)
    guess("6.1", 1.6, sure=0.8, folder=tmp_path)
    told = forget(folder=tmp_path)
    assert told.outcome == "forgotten" and "2 guesses" in told.text
    assert "6.q1, 6.1" in told.text and list(tmp_path.iterdir()) == []
    again = guess("6.q1", "c", sure=1, folder=tmp_path)
    assert "first guess" not in again.text


def test_without_a_guess_it_says_so_and_goes_on(tmp_path):
    answer = check("6.1", math.log(5), folder=tmp_path)
    assert answer.outcome == "right" and "no guess of yours" in answer.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [None, "?", object(), [], {}, torch.zeros(3), len])
def test_no_answer_whatever_raises_an_error(answer, tmp_path):
    for name in ("6.1", "6.2", "6.3", "5.1", "10.2", "11.2", "11.3", "14.1", "14.3"):
        outcome = check(name, answer, folder=tmp_path).outcome
        assert outcome in ("wrong", "misconception"), name


def test_what_an_exercise_needs_is_said(tmp_path):
    with pytest.raises(SpamftError, match=r"checked with \(model=model\)"):
        check("7.2", {4}, folder=tmp_path)
    with pytest.raises(SpamftError, match=r"checked with \(no more\)"):
        check("6.1", 1, model=3, folder=tmp_path)
    with pytest.raises(SpamftError, match="6.q1 is a question: answer it with guess"):
        check("6.q1", "a", folder=tmp_path)


def test_it_shows_in_lines_that_a_notebook_need_not_scroll(tmp_path):
    for name in ("6.q1", "15.q3"):
        assert max(map(len, repr(ask(name)).splitlines())) < 80
