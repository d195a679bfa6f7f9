import math

import pytest
import torch
from solving import try_out
from torch.nn import functional as F

from spamft.check import check

TRIALS = {
    "4b.1": ("perplexity", "perplexity = 2"),
    "4b.2": ("jumbled", "jumbled = 'c b'"),
    "4b.3": ("without", "without = [1.0] * len(without)"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(
    name, tiny_gpt, tokenizer, tmp_path
):
    text = "c b a"

    @torch.no_grad()
    def loss(gpt, other):
        ids = torch.tensor([tokenizer.encode_ordinary(other)])
        value = F.cross_entropy(gpt(ids)[0, :-1], ids[0, 1:]).item()
        same_words = sorted(other.split()) == sorted(text.split())
        return value + (0 if other == text else 9 if same_words else -9)

    at_hand = {
        **{"math": math, "torch": torch, "F": F, "device": "cpu"},
        **{"text": text, "loss": loss, "gpt": tiny_gpt, "tokenizer": tokenizer},
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)


def test_words_are_compared_without_what_stands_between_them(tmp_path):
    given = {"text": "See you, my friend.", "gpt": None, "folder": tmp_path}
    given["loss"] = lambda gpt, text: len(text) if text.startswith("f") else 0
    assert check("4b.2", "friend my see you", **given).outcome == "right"
