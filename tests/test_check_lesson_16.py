from types import SimpleNamespace

import pytest
from notebook_cells import tagged
from solving import solutions_of, try_out

from spamft.check import check, guess
from spamft.check.record import read_guesses
from spamft.classifier import GPTClassifier
from spamft.insight.alarms import locked_alarms
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
        "SEED": 123,
        "escapes": lambda change: (len(change("cash")) % 5, 5),
        "locked_alarms": locked_alarms,
        "run": run,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path, seed="SEED")


def test_other_classes_have_no_notices_and_no_guess_is_judged(run, tmp_path):
    run.model.label_names = ("login", "sales")
    guess("16.3", 150, sure=0.5, folder=tmp_path)
    answer = check("16.3", (0.1, 0.2), run=run, folder=tmp_path)
    assert answer.outcome == "wrong" and "not ham and spam" in answer.text
    names = {"run": run, "locked_alarms": locked_alarms}
    exec(tagged(solutions_of("16"), "exercise-3"), names)
    answer = check("16.3", names["interval"], run=run, folder=tmp_path)
    assert answer.outcome == "right"
    assert read_guesses(tmp_path)["16.3"].right is None


def test_any_guess_inside_the_interval_is_right(run, tmp_path):
    found = locked_alarms(run.model, run.tokenizer, run.rule).false_alarms
    low, high = 1000 * found.low, 1000 * found.high
    for number, right in ((low + 1, True), (high - 1, True), (high + 9, False)):
        folder = tmp_path / f"{number:.0f}"
        guess("16.3", number, sure=0.5, folder=folder)
        check("16.3", (0, 0.5), run=run, folder=folder)
        assert read_guesses(folder)["16.3"].right is right
