import math

import numpy as np
import torch

from spamft.check.exercise import Question, is_open, same


def test_numbers_are_the_same_whoever_counted_them():
    for number in (np.float32(0.1), np.float64(0.1), torch.tensor(0.1), 0.1):
        assert same(number, 0.1) and not same(number, 0.2)
    assert same(np.int64(3), 3.0) and same(torch.tensor([1, 2]), [1.0, 2.0])


def test_another_kind_of_answer_is_never_the_same():
    for answer in (None, "3", [3], {3}, (3, 3), math.nan, object()):
        assert not same(answer, 3)
    assert not same([1, None], [1, 1]) and same([1, None], (1, None))


def test_an_answer_is_open_while_any_of_it_is():
    assert is_open(...) and is_open((1, ...)) and is_open([1, (2, ...)])
    assert not is_open(0) and not is_open(torch.zeros(2)) and not is_open("...")


def test_a_question_explains_the_right_choice_first():
    question = Question(
        "Which\n  one?", "b", ("x", "no"), ("y", "yes\n it is"), ("z", "nor")
    )
    assert str(question) == "Which one?\na) x\nb) y\nc) z"
    assert question.explained().splitlines() == [
        "b is right: yes it is",
        "a is not: no",
        "c is not: nor",
    ]
