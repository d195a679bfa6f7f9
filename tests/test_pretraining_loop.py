import math
from dataclasses import replace

import pytest
import torch

from spamft.gpt import GPT, GPTConfig
from spamft.pretrained import load_gpt2
from spamft.pretraining.config import PretrainConfig
from spamft.pretraining.corpus import Corpus
from spamft.pretraining.loop import bits_per_byte, pretrain, rate
from spamft.tokenizer import open_bpe

pytest.importorskip("tokenizers")

SHAPE = GPTConfig(vocab_size=300, context_length=16, emb_dim=16, n_layers=2, n_heads=2)
CONFIG = PretrainConfig(
    steps=6, batch_size=4, lr=1e-2, warmup_steps=1, report_every=2, seed=3
)


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: function)


def weights(folder):
    return load_gpt2(folder).state_dict()


def test_a_killed_run_resumes_and_ends_with_the_same_weights(texts, tmp_path):
    straight = pretrain(texts, tmp_path / "straight", CONFIG, SHAPE)

    def die(progress):
        if progress.step == 4:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        pretrain(texts, tmp_path / "killed", CONFIG, SHAPE, die)
    resumed = pretrain(texts, tmp_path / "killed", CONFIG, SHAPE)
    assert [p.step for p in resumed] == [p.step for p in straight] == [2, 4, 6]
    assert resumed[-1].validation_bits == straight[-1].validation_bits
    other = weights(tmp_path / "killed")
    assert all(t.equal(other[n]) for n, t in weights(tmp_path / "straight").items())


def test_a_checkpoint_of_another_call_is_refused(texts, tmp_path):
    pretrain(texts, tmp_path / "small", CONFIG, SHAPE)
    for other in (replace(CONFIG, seed=9), replace(CONFIG, lr=1.0)):
        with pytest.raises(ValueError, match="of another call"):
            pretrain(texts, tmp_path / "small", other, SHAPE)
    with pytest.raises(ValueError, match="of another call"):
        pretrain(texts[:1], tmp_path / "small", CONFIG, SHAPE)
    text = texts[0].read_text()
    texts[0].write_text(text.replace("cat", "dog"))  # same name, same size
    with pytest.raises(ValueError, match="of another call"):
        pretrain(texts, tmp_path / "small", CONFIG, SHAPE)
    texts[0].write_text(text)
    assert pretrain(texts, tmp_path / "small", CONFIG, SHAPE)[-1].step == 6
    longer = pretrain(texts, tmp_path / "small", replace(CONFIG, steps=8), SHAPE)
    assert longer[-1].step == 8


def test_what_it_leaves_opens_here_and_in_transformers(texts, tmp_path):
    transformers = pytest.importorskip("transformers")
    pretrain(texts, tmp_path / "small", CONFIG, SHAPE)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "small")
    ids = torch.randint(0, 300, (2, 9))
    torch.testing.assert_close(
        load_gpt2(tmp_path / "small")(ids),
        theirs.float().eval()(ids).logits,
        atol=1e-4,
        rtol=1e-4,
    )
    card = (tmp_path / "small" / "README.md").read_text()
    for part in ("one.txt", "bits per byte", "gzip", "6 steps"):
        assert part in card


def test_too_little_text_is_refused(texts, tmp_path):
    texts[0].write_text("too short\n" * 9)
    with pytest.raises(ValueError, match="fewer than a window of 16: give more text"):
        pretrain(texts[:1], tmp_path / "small", CONFIG, SHAPE)


def test_it_learns(texts, tmp_path):
    config = replace(CONFIG, steps=60, report_every=60)
    history = pretrain(texts, tmp_path / "small", config, SHAPE)
    encoding = open_bpe(tmp_path / "small" / "vocabulary.tiktoken", "small")
    corpus = Corpus(texts, encoding)
    untrained = bits_per_byte(GPT(SHAPE), corpus)
    per_byte = len(corpus.held_out) / len(corpus.held_out_text.encode())
    assert untrained == pytest.approx(math.log2(300) * per_byte, rel=0.05)
    assert history[-1].validation_bits < untrained / 2


def test_the_rate_rises_stays_and_falls_to_nothing():
    config = PretrainConfig(steps=100, warmup_steps=10, cooldown=0.2)
    rates = [rate(step, config) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and rates[10:80] == [1.0] * 70
    assert rates[-1] == pytest.approx(1 / 20)
