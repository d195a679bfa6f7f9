import pytest
import torch
from solving import try_out

from spamft.check import check
from spamft.gpt import GPT, GPTConfig

TRIALS = {
    "4.1": ("share_of_embedding", "share_of_embedding = 0.5"),
    "4.2": ("(attends_to, adds_up_to)", "attends_to = 5"),
    "4.3": ("difference", "difference = 0.5"),
}


def count(config: GPTConfig) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in GPT(config).parameters())


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tiny_gpt, tmp_path):
    ids = torch.tensor([[7, 12, 3, 5]])
    at_hand = {
        "torch": torch,
        "GPTConfig": GPTConfig,
        "count": count,
        "gpt": tiny_gpt,
        "ids": ids,
        "block": tiny_gpt.blocks[0],
        "tokens": tiny_gpt.tok_emb(ids),
        "vectors": tiny_gpt.embed(ids),
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)


def test_natural_spellings_of_an_answer_are_understood(tmp_path):
    for answer in ((3, 1), (3, 100), [3, 1.0]):
        assert check("4.2", answer, folder=tmp_path).outcome == "right"
    assert "Two numbers" in check("4.2", 3, folder=tmp_path).text
