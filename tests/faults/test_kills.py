"""Killed before any change to the file system, there is the old or the new one, whole.

And the next start, of the same work, ends well and leaves nothing behind. A new run is
whole without its pictures, too; they come together, and never stand beside another's.
"""

import os
import shutil
from pathlib import Path

import pytest
import torch
from killing import ENDED, SIGNALS, run, tree

from spamft.classifier import GPTClassifier
from spamft.experiments.finetune import finetune
from spamft.experiments.pictures import PICTURES
from spamft.gpt import GPT, GPTConfig
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.lora_files import save_adapter
from spamft.plumbing.checkpoint import save_checkpoint
from spamft.plumbing.jsonfile import write_sealed
from spamft.pretrained import save_gpt2
from spamft.use.export import export_hf
from spamft.use.saved import Saved, save
from spamft.use.tables import classify_table

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
SHAPE = GPTConfig(vocab_size=257, context_length=64, emb_dim=16, n_layers=2, n_heads=2)


class Stub:
    """A picture that costs no time to draw, of one run."""

    numbered = ""

    def __init__(self, content: str):
        self.content = content

    def savefig(self, path: Path, dpi: int) -> None:
        path.write_text(self.content)


@pytest.fixture
def scenes(tmp_path, monkeypatch, small_scratch, message_file, tokenizer):
    """By name: what is there already, and the same work with another result."""
    for name in ("loss", "accuracy", "confusion"):
        monkeypatch.setattr(
            f"spamft.experiments.pictures.plot_{name}",
            lambda of, names=None: Stub(repr(of)),
        )
    runs = [
        finetune(message_file, "scratch", config={"epochs": 1}, seed=seed)
        for seed in (1, 2)
    ]
    models = [GPTClassifier(GPT(SHAPE, seed=seed), seed=seed) for seed in (1, 2)]
    learners = [GPTClassifier(GPT(SHAPE, seed=seed), seed=seed) for seed in (1, 2)]
    for learner in learners:
        add_lora(learner, LoRAConfig(2))
    table = tmp_path / "texts.csv"
    table.write_text("Text\nhello\nWIN NOW\n")
    return {
        "run.save": lambda i, at: runs[i].save(at, overwrite=True),
        "save": lambda i, at: save(models[i], at, tokenizer),
        "export": lambda i, at: export_hf(models[i], at),
        "adapter": lambda i, at: save_adapter(learners[i], at),
        "weights": lambda i, at: save_gpt2(models[i].gpt, at),
        "table": lambda i, at: classify_table(Saved(models[i], tokenizer), table, at),
        "checkpoint": lambda i, at: save_checkpoint(at, {"a": torch.full((9,), i)}),
        "cell": lambda i, at: write_sealed(at, {"seed": i}),
    }


def kinds_of_end(work, before: Path, at: Path) -> set[str]:
    """Kill `work(1, at)` before each change; what was found then.

    Each time with SIGKILL, and with one of the two that let a process clear up.
    """
    _put_back(before, at)
    status, changes = run(lambda: work(1, at))
    assert os.waitstatus_to_exitcode(status) == ENDED and changes
    old, new = tree(before), tree(at)
    assert None not in (old, new) and old != new
    drawn = {name: new[name] for name in PICTURES if name in new}
    bare = {name: digest for name, digest in new.items() if name not in drawn}
    found = set()
    for change in range(changes):
        for with_signal in (SIGNALS[0], SIGNALS[1 + change % 2]):
            _put_back(before, at)
            status, _ = run(lambda: work(1, at), change, with_signal)
            assert os.waitstatus_to_exitcode(status) != ENDED or tree(at) == new
            left = tree(at)
            assert left in (old, bare, new), (change, with_signal)
            found.add("old" if left == old else "new" if left == new else "bare")
            status, _ = run(lambda: work(1, at))
            assert os.waitstatus_to_exitcode(status) == ENDED, (change, with_signal)
            assert tree(at) == new and list(at.parent.iterdir()) == [at]
    return found


def _put_back(before: Path, at: Path) -> None:
    """Nothing but the old one is there."""
    shutil.rmtree(at.parent)
    at.parent.mkdir()
    (shutil.copytree if before.is_dir() else shutil.copy)(before, at)


@pytest.mark.parametrize(
    "name",
    ["run.save", "save", "export", "adapter", "weights", "table", "checkpoint", "cell"],
)
def test_there_is_always_the_old_or_the_new_one(scenes, tmp_path, name):
    work = scenes[name]
    (tmp_path / "before").mkdir()
    (tmp_path / "place").mkdir()
    work(0, tmp_path / "before" / "it")
    found = kinds_of_end(work, tmp_path / "before" / "it", tmp_path / "place" / "it")
    assert found == {"old", "new"} | ({"bare"} if name == "run.save" else set())
