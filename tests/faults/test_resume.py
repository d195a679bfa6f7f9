"""A killed training that resumes ends with the same bits as one that was not."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from killing import run

from spamft.experiments.checkpoints import Checkpoints
from spamft.experiments.finetune import finetune
from spamft.gpt import GPTConfig
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import sha256
from spamft.pretraining.config import PretrainConfig
from spamft.pretraining.corpus import Corpus
from spamft.pretraining.loop import pretrain
from spamft.sources.models import open_model
from spamft.sources.splits import open_splits


class Killed(BaseException):
    pass


class Mortal(Checkpoints):
    """Writes at every step, and dies after `lives` of them."""

    lives = 0

    def write(self, progress, *, at_once):
        super().write(progress, at_once=True)
        self.lives -= 1
        if self.lives == 0:
            raise Killed


@pytest.fixture
def setting(message_file, small_scratch):
    """Messages and a model; both are opened once."""
    return {"data": open_splits(message_file), "model": open_model("scratch")}


def same_weights(one, other) -> bool:
    weights = other.model.state_dict()
    return all(t.equal(weights[n]) for n, t in one.model.state_dict().items())


CASES = {
    "last block": {"method": "last_block"},
    "head": {"method": "head"},
    "full": {"method": "full"},
    "LoRA": {"method": "lora-4"},
    "QLoRA": {"method": "qlora-16"},
    "instructions": {"method": "instructions"},
    "random": {"method": "random"},
    "lecture's pooling": {"method": "last_block", "pooling": "last"},
    "patience": {
        "method": "last_block",
        "config": {"patience": 1, "eval_every": 1, "lr": 0.5, "epochs": 3},
    },
    "accumulated": {
        "method": "full",
        "config": {"accumulate": 2, "batch_size": 2, "warmup_steps": 3, "epochs": 3},
    },
    "evaluated often": {
        "method": "lora-16",
        "config": {"eval_every": 2, "batch_size": 2, "clip_norm": 0.5, "epochs": 2},
    },
}


@pytest.mark.parametrize("name", CASES)
def test_resumed_it_ends_with_the_same_bits(setting, tmp_path, name):
    options = {"config": {"epochs": 2, "batch_size": 4}, "seed": 5} | CASES[name]
    torch.manual_seed(1)
    whole = finetune(**setting, **options)
    assert len(whole.history) > 1
    for lives in (1, 2, 4):
        torch.manual_seed(1)
        kept = Mortal(tmp_path / f"{lives}", resume=True)
        kept.lives = lives
        with pytest.raises(Killed):
            finetune(**setting, **options, checkpoints=kept)
        torch.manual_seed(99)  # another process has other states
        resumed = finetune(**setting, **options, checkpoints=kept)
        assert resumed.history == whole.history
        assert same_weights(resumed, whole)
        assert all(t.equal(resumed.logits[n]) for n, t in whole.logits.items())


def test_killed_twice_and_with_dropout(setting, tmp_path):
    from spamft.methods.heads import ClassHead
    from spamft.methods.method import Method, Recipe

    def with_dropout(gpt, task, seed):
        model = ClassHead("all")(gpt, task, seed)
        for part in model.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.2
        return model

    method = Method("dropout", with_dropout, Recipe(1e-2, 1e-3))
    options = {"method": method, "config": {"epochs": 3, "batch_size": 4}}
    torch.manual_seed(3)
    whole = finetune(**setting, **options)
    torch.manual_seed(3)
    kept = Mortal(tmp_path / "c", resume=True)
    for lives in (2, 3):
        kept.lives = lives
        with pytest.raises(Killed):
            finetune(**setting, **options, checkpoints=kept)
    resumed = finetune(**setting, **options, checkpoints=kept)
    assert same_weights(resumed, whole)


def test_the_frozen_blocks_outputs_are_read_and_not_computed_again(
    setting, tmp_path, monkeypatch
):
    kept = Mortal(tmp_path / "c", resume=True)
    kept.lives = 1
    with pytest.raises(Killed):
        finetune(**setting, method="last_block", checkpoints=kept)
    monkeypatch.setattr("spamft.trunk.cache._fill", None)
    lines = []
    finetune(**setting, method="last_block", checkpoints=kept, log=lines.append)
    assert any("read from" in line for line in lines)
    assert any("resume: at step 1" in line for line in lines)


def test_damaged_outputs_are_computed_again(setting, tmp_path):
    whole = finetune(**setting, method="last_block")
    kept = Mortal(tmp_path / "c", resume=True)
    kept.lives = 1
    with pytest.raises(Killed):
        finetune(**setting, method="last_block", checkpoints=kept)
    content = bytearray(kept.hidden.read_bytes())
    content[10] ^= 1
    kept.hidden.write_bytes(content)
    resumed = finetune(**setting, method="last_block", checkpoints=kept)
    assert same_weights(resumed, whole)


@pytest.mark.parametrize(
    "change, named",
    [
        ({"seed": 6}, "seed"),
        ({"method": "full"}, "method"),
        ({"config": {"lr": 0.5}}, "settings"),
        ({"pooling": "first"}, "way of reading"),
        ({"data": "other"}, "data"),
        ({"model": "other"}, "model"),
    ],
)
def test_another_finetuning_is_not_resumed(
    setting, tmp_path, message_file, change, named
):
    kept = Mortal(tmp_path / "c", resume=True)
    kept.lives = 1
    options = {**setting, "method": "last_block"}
    with pytest.raises(Killed):
        finetune(**options, checkpoints=kept)
    if "data" in change:
        text = message_file.read_text()
        message_file.write_text(text.replace("see you at d", "see you at z", 1))
        change = {"data": open_splits(message_file)}
    if "model" in change:
        change = {"model": open_model("scratch", seed=9)}
    with pytest.raises(SpamftError, match=f"of a run with another .*{named}"):
        finetune(**options | change, checkpoints=kept)


@pytest.fixture
def pretrained(texts, monkeypatch):
    """Pretrain into a folder, killed as it reads for a step; the first one is 0."""
    pytest.importorskip("tokenizers")
    monkeypatch.setattr("torch.compile", lambda function: function)
    # its threads do not survive a fork
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    shape = GPTConfig(300, context_length=16, emb_dim=16, n_layers=2, n_heads=2)
    config = PretrainConfig(7, batch_size=4, report_every=2)
    windows = Corpus.windows

    def work(output, kill_at=None):
        def die(self, step, *size):
            if step == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return windows(self, step, *size)

        monkeypatch.setattr(Corpus, "windows", die)
        history = pretrain(texts, output, config, shape, device="cpu")
        lines = [replace(line, seconds=0.0) for line in history]
        return lines, sha256(output / "model.safetensors")

    return work


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "kills", [*([step] for step in range(7)), [1, 1, 2, 3, 6], [5, 6]]
)
def test_a_killed_pretraining_ends_with_the_same_bits(pretrained, tmp_path, kills):
    whole = pretrained(tmp_path / "whole")
    for step in kills:
        status, _ = run(lambda step=step: pretrained(tmp_path / "killed", step))
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert pretrained(tmp_path / "killed") == whole
