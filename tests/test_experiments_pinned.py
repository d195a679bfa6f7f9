import json

import pytest
import torch
from transformers import GPT2LMHeadModel

from spamft.experiments import pinned
from spamft.experiments.pinned import PINNED, TEXTS, Check, check_pinned, figures
from spamft.pretrained import TINY, load_gpt2
from spamft.tokenizer import load_tokenizer

CPU = torch.device("cpu")


def test_the_stored_figures_are_those_of_float64():
    """If they are to change: write_json(PINNED, figures(cpu, torch.float64))."""
    stored = json.loads(PINNED.read_text())
    for name, found in figures(CPU, torch.float64).items():
        assert found == pytest.approx(stored[name], abs=1e-6)


def test_the_stored_logits_are_those_of_transformers():
    gpt = GPT2LMHeadModel.from_pretrained(TINY, dtype=torch.float64).eval()
    ids = torch.tensor([load_tokenizer("tiny").encode_ordinary(next(iter(TEXTS)))])
    with torch.no_grad():
        logits = gpt(ids).logits[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
    stored = json.loads(PINNED.read_text())["logits"]
    assert logits.tolist() == pytest.approx(stored, abs=1e-9)


def test_float32_agrees_and_bfloat16_does_not(monkeypatch):
    assert all(check.agrees for check in check_pinned(CPU))
    rough = figures(CPU, torch.bfloat16)
    monkeypatch.setattr(pinned, "figures", lambda device: rough)
    assert not any(check.agrees for check in check_pinned(CPU))


@pytest.mark.parametrize("found", [[1.0, 2.1], [1.0], [1.0, float("nan")]])
def test_what_differs_is_missing_or_not_finite_does_not_agree(found):
    check = Check("logits", found, [1.0, 2.0], 0.05)
    assert not check.agrees and str(check).startswith("NOT AS STORED: off by")
    json.dumps(check.to_dict(), allow_nan=False)


def test_a_device_that_gives_no_numbers_does_not_agree(monkeypatch):
    gpt = load_gpt2("tiny")
    torch.nn.init.constant_(gpt.final_norm.weight, float("nan"))
    monkeypatch.setattr(pinned, "load_gpt2", lambda name: gpt)
    logits, losses = check_pinned(CPU)
    assert not logits.agrees and losses.found == [] and not losses.agrees
