from types import SimpleNamespace

import pytest
from solving import try_out

from spamft.check import check
from spamft.classifier import GPTClassifier
from spamft.insight.alarms import locked_alarms
from spamft.insight.edits import CHARACTERS
from spamft.use.verdict import DecisionRule

TRIALS = {
    "16.1": ("undone", "undone = {'capitals'}"),
    "16.2": ("(shout, shouted)", "shout = str.lower"),
    "16.3": ("interval", "interval = (0.4, 0.41)"),
}


@pytest.fixture
def run(tiny_gpt, tokenizer):
    model = GPTClassifier(tiny_gpt, ("ham", "spam"), max_length=64)
    return SimpleNamespace(model=model, tokenizer=tokenizer, rule=DecisionRule())


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, run, tmp_path):
    at_hand = {
        "message": "Your account is locked. Confirm your details at bank-login.example",
        "CHARACTERS": CHARACTERS,
        "SEED": 123,
        "escapes": lambda change: (len(change("cash")) % 5, 5),
        "locked_alarms": locked_alarms,
        "run": run,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path, seed="SEED")


def test_other_classes_have_no_notices_and_no_guess_is_judged(run, tmp_path):
    run.model.label_names = ("login", "sales")
    answer = check("16.3", (0.1, 0.2), run=run, folder=tmp_path)
    assert answer.outcome == "wrong" and "not ham and spam" in answer.text
