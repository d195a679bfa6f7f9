import math
from dataclasses import replace

import pytest
import torch

from spamft.gpt import GPT, GPTConfig
from spamft.plumbing.checkpoint import save_checkpoint
from spamft.plumbing.errors import SpamftError
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
        with pytest.raises(SpamftError, match="of another call"):
            pretrain(texts, tmp_path / "small", other, SHAPE)
    with pytest.raises(SpamftError, match="of another call"):
        pretrain(texts[:1], tmp_path / "small", CONFIG, SHAPE)


def test_another_text_of_the_same_name_and_size_is_refused(texts, tmp_path):
    pretrain(texts, tmp_path / "small", CONFIG, SHAPE)
    size = texts[0].stat().st_size
    texts[0].write_text(texts[0].read_text().replace("cat", "dog"))
    assert texts[0].stat().st_size == size
    with pytest.raises(SpamftError, match="of another call"):
        pretrain(texts, tmp_path / "small", CONFIG, SHAPE)


def test_a_checkpoint_of_something_else_is_refused(texts, tmp_path):
    save_checkpoint(tmp_path / "small" / "checkpoint.safetensors", {"step": 3})
    with pytest.raises(SpamftError, match="of another call"):
        pretrain(texts, tmp_path / "small", CONFIG, SHAPE)


def test_a_finished_call_changes_nothing(texts, tmp_path):
    first = pretrain(texts, tmp_path / "small", CONFIG, SHAPE)
    model = (tmp_path / "small" / "model.safetensors").read_bytes()
    assert pretrain(texts, tmp_path / "small", CONFIG, SHAPE) == first
    assert (tmp_path / "small" / "model.safetensors").read_bytes() == model


def test_more_steps_give_the_same_as_so_many_at_once_or_are_refused(texts, tmp_path):
    config, longer = replace(CONFIG, report_every=1), replace(CONFIG, steps=12)
    pretrain(texts, tmp_path / "straight", longer, SHAPE)
    assert config.cooldown == 0.3  # so of 6 steps the rate is lower in the last ones

    def die(progress):
        if progress.step == 4:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        pretrain(texts, tmp_path / "on", config, SHAPE, die)
    pretrain(texts, tmp_path / "on", longer, SHAPE)
    other = weights(tmp_path / "on")
    assert all(t.equal(other[n]) for n, t in weights(tmp_path / "straight").items())
    pretrain(texts, tmp_path / "done", config, SHAPE)
    with pytest.raises(SpamftError, match="at step 6 of 6, where the learning rate"):
        pretrain(texts, tmp_path / "done", longer, SHAPE)


def test_the_vocabulary_must_be_that_of_the_checkpoint(texts, tmp_path):
    pretrain(texts, tmp_path / "small", CONFIG, SHAPE)
    path = tmp_path / "small" / "vocabulary.tiktoken"
    lines = path.read_text().splitlines()
    first, second = (line.split()[0] for line in lines[:2])
    path.write_text("\n".join([f"{second} 0", f"{first} 1", *lines[2:]]) + "\n")
    with pytest.raises(SpamftError, match="not the one that .* was trained with"):
        pretrain(texts, tmp_path / "small", CONFIG, SHAPE)


def test_a_vocabulary_without_a_checkpoint_is_made_anew(texts, tmp_path):
    pretrain(texts, tmp_path / "small", CONFIG, SHAPE)
    for name in ("checkpoint.safetensors", "model.safetensors", "config.json"):
        (tmp_path / "small" / name).unlink()
    shape = replace(SHAPE, vocab_size=280)
    assert pretrain(texts, tmp_path / "small", CONFIG, shape)[-1].step == CONFIG.steps
    assert load_gpt2(tmp_path / "small").config.vocab_size == 280


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


def test_it_leaves_its_files_beside_those_that_were_there(texts, tmp_path, monkeypatch):
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "mine.txt").write_text("mine")
    monkeypatch.chdir(tmp_path / "small")
    pretrain(texts, ".", CONFIG, SHAPE)
    assert {path.name for path in (tmp_path / "small").iterdir()} == {
        *("vocabulary.tiktoken", "config.json", "model.safetensors"),
        *("history.json", "README.md", "checkpoint.safetensors", "mine.txt"),
    }
    assert (tmp_path / "small" / "README.md").read_text().startswith("# small\n")


def test_an_unknown_device_is_refused_before_anything_is_written(texts, tmp_path):
    with pytest.raises(SpamftError, match="device 'abacus' must be one of"):
        pretrain(texts, tmp_path / "small", CONFIG, SHAPE, device="abacus")
    assert not (tmp_path / "small").exists()


def test_the_card_names_the_device_that_computed(texts, tmp_path):
    pretrain(texts, tmp_path / "small", CONFIG, SHAPE, device="cpu")
    card = (tmp_path / "small" / "README.md").read_text()
    assert f"minutes on {torch.get_num_threads()} threads of a" in card


def test_too_little_text_is_refused(texts, tmp_path):
    texts[0].write_text("too short\n" * 9)
    with pytest.raises(SpamftError, match="fewer than a window of 16: give more text"):
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
