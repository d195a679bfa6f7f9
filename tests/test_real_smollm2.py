"""The real SmolLM2, where SPAMFT_SMOLLM2 names its file: against transformers."""

import os
from pathlib import Path

import pytest
import torch

from spamft.gpt import generate
from spamft.models.gguf import open_gguf
from spamft.sources import open_messages

PATH = Path(os.environ.get("REAL_SMOLLM2", "not set"))  # see conftest.py
pytestmark = pytest.mark.skipif(
    not PATH.is_file(), reason="SPAMFT_SMOLLM2 names no file of SmolLM2"
)


@pytest.fixture(scope="module")
def both():
    """(theirs, their tokenizer), (ours, our tokenizer)."""
    transformers = pytest.importorskip("transformers")
    where = {"gguf_file": PATH.name}
    theirs = transformers.AutoModelForCausalLM.from_pretrained(PATH.parent, **where)
    tokenizer = transformers.AutoTokenizer.from_pretrained(PATH.parent, **where)
    return (theirs.eval(), tokenizer), open_gguf(PATH)


def test_ids_are_those_of_transformers(both):
    (_, theirs), (_, ours) = both
    zipped = os.environ.get("SPAMFT_UCI_ZIP", "sample")
    texts = open_messages(zipped).df["Text"].tolist()
    wanted = theirs(texts, add_special_tokens=False)["input_ids"]
    assert ours.encode_ordinary_batch(texts) == wanted


@torch.no_grad()
def test_logits_are_those_of_transformers(both):
    (theirs, _), (model, tokenizer) = both
    ids = torch.tensor([tokenizer.encode_ordinary("You have won a prize! " * 9)])
    x = model.embed(ids)
    for block in model.blocks:
        x = block(x)
    logits = model.logits(model.final_norm(x))
    torch.testing.assert_close(logits, theirs(ids).logits, atol=2e-3, rtol=1e-4)


def test_it_knows_the_capital_of_france(both):
    _, (model, tokenizer) = both
    ids = torch.tensor([tokenizer.encode_ordinary("The capital of France is")])
    assert tokenizer.decode(generate(model, ids, 1)[0].tolist()).endswith(" Paris")
