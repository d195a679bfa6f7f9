import pytest
import torch
from solving import try_out

from spamft.check import check
from spamft.gpt import GPT, GPTConfig

TRIALS = {
    "4.1": ("share_of_embedding", "share_of_embedding = 0.5"),
    "4.2": ("(attends_to, adds_up_to)", "attends_to = 5"),
    "4.3": ("jumbled", "jumbled = 'c b'"),
}


def count(config: GPTConfig) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in GPT(config).parameters())


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    text = "c b a"
    at_hand = {
        "GPTConfig": GPTConfig,
        "count": count,
        "text": text,
        "loss": lambda gpt, other: float(
            sorted(other.split()) == ["a", "b", "c"] and other != text
        ),
        "gpt": None,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)


def test_natural_spellings_of_an_answer_are_understood(tmp_path):
    for answer in ((3, 1), (3, 100), [3, 1.0]):
        assert check("4.2", answer, folder=tmp_path).outcome == "right"
    assert "Two numbers" in check("4.2", 3, folder=tmp_path).text
    given = {"text": "See you, my friend.", "gpt": None, "folder": tmp_path}
    given["loss"] = lambda gpt, text: len(text) if text.startswith("f") else 0
    assert check("4.3", "friend my see you", **given).outcome == "right"
