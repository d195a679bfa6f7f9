"""Killed before any change to the file system, there is the old or the new one, whole.

And the next start, of the same work, ends well and leaves nothing behind. Where there
are many changes, each is tried with one of the signals, with `SPAMFT_FAULTS` set with
all of them. A new run is whole without its pictures, too; they come together, and never
stand beside another's.
"""

import hashlib
import io
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from killing import ENDED, SIGNALS, run, tree

from spamft import data
from spamft.classifier import GPTClassifier
from spamft.experiments.compare import compare
from spamft.experiments.finetune import finetune
from spamft.experiments.pictures import PICTURES
from spamft.gpt import GPT, GPTConfig
from spamft.insight.baselines import BASELINES
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.lora_files import save_adapter
from spamft.methods.method import METHODS
from spamft.plumbing.checkpoint import load_checkpoint, save_checkpoint
from spamft.plumbing.files import sha256
from spamft.plumbing.jsonfile import read_sealed, write_sealed
from spamft.pretrained import save_gpt2
from spamft.pretraining.config import PretrainConfig
from spamft.pretraining.loop import CHECKPOINT, pretrain
from spamft.sources import open_model, open_splits
from spamft.tokenizer import VOCABULARY, save_bpe
from spamft.use.saved import Saved, save
from spamft.use.tables import classify_table

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
MANY = 10_000 if "SPAMFT_FAULTS" in os.environ else 10
SHAPE = GPTConfig(vocab_size=257, context_length=64, emb_dim=16, n_layers=2, n_heads=2)


class Stub:
    """A picture that costs no time to draw, of one run."""

    numbered = ""

    def __init__(self, content: str):
        self.content = content

    def savefig(self, path: Path, dpi: int, format: str = "png") -> None:
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
    save_gpt2(models[0].gpt, tmp_path / "base")
    save_bpe(tokenizer._mergeable_ranks, tmp_path / "base" / VOCABULARY)
    base = open_model(tmp_path / "base")
    heads = [GPTClassifier(base.gpt, seed=seed) for seed in (1, 2)]
    table = tmp_path / "texts.csv"
    table.write_text("Text\nhello\nWIN NOW\nsee you\n")
    return {
        "run.save": lambda i, at: runs[i].save(at, overwrite=True),
        "save": lambda i, at: save(models[i], at, tokenizer),
        "part": lambda i, at: save(heads[i], at, tokenizer, base=base),
        "adapter": lambda i, at: save_adapter(learners[i], at),
        "weights": lambda i, at: save_gpt2(models[i].gpt, at),
        "table": lambda i, at: classify_table(
            Saved(models[i], tokenizer), table, at, window=1
        ),
        "checkpoint": lambda i, at: save_checkpoint(at, {"a": torch.full((9,), i)}),
        "cell": lambda i, at: write_sealed(at, {"seed": i}),
    }


def kinds_of_end(
    work: Callable[[int, Path], object],
    before: Path,
    at: Path,
    look: Callable[[Path], object] = tree,
) -> set[str]:
    """Kill `work(1, at)` before each change with each signal; what was found then.

    It starts from a copy of what is at `before`, if anything is. `look` tells which
    results are there.
    """
    _start_from(before, at)
    status, changes = run(lambda: work(1, at))
    assert os.waitstatus_to_exitcode(status) == ENDED and changes
    old, new, names = look(before), look(at), set(tree(at))
    assert new is not None and old != new
    found = set()
    for number, with_signal in enumerate(SIGNALS):
        for change in range(changes):
            if changes > MANY and change % len(SIGNALS) != number:
                continue
            _start_from(before, at)
            status, _ = run(lambda: work(1, at), change, with_signal)
            assert os.waitstatus_to_exitcode(status) != ENDED or look(at) == new
            assert look(at) in (old, new), (change, with_signal)
            found.add("old" if look(at) == old else "new")
            status, _ = run(lambda: work(1, at))
            assert os.waitstatus_to_exitcode(status) == ENDED, (change, with_signal)
            assert look(at) == new and set(tree(at)) == names
            assert list(at.parent.iterdir()) == [at]
    return found


def _start_from(before: Path, at: Path) -> None:
    for path in at.parent.glob("*"):
        _remove(path)
    if before.exists():
        (shutil.copytree if before.is_dir() else shutil.copy)(before, at)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    "name",
    [
        *("run.save", "save", "part", "adapter", "weights", "table"),
        *("checkpoint", "cell"),
    ],
)
def test_there_is_always_the_old_or_the_new_one(scenes, tmp_path, name):
    work = scenes[name]
    (tmp_path / "before").mkdir()
    (tmp_path / "place").mkdir()
    work(0, tmp_path / "before" / "it")
    look = tree
    if name == "run.save":
        work(1, tmp_path / "straight")
        look = without_pictures(tmp_path / "before" / "it", tmp_path / "straight")
    before, at = tmp_path / "before" / "it", tmp_path / "place" / "it"
    assert kinds_of_end(work, before, at, look) == {"old", "new"}


def without_pictures(*runs: Path) -> Callable[[Path], dict | None]:
    """To look at a run: all but its pictures, which must be its own, if it has any."""

    def parts(path: Path) -> tuple[dict, dict]:
        files = tree(path) or {}
        drawn = {name: files.pop(name) for name in PICTURES if name in files}
        return files, drawn

    own = {files["model/model.safetensors"]: drawn for files, drawn in map(parts, runs)}

    def look(path: Path) -> dict | None:
        files, drawn = parts(path)
        if files:
            assert drawn in ({}, own[files["model/model.safetensors"]])
        return files or None

    return look


LINES = b"ham\tsee you\n" * 3000


@pytest.fixture
def zipped(monkeypatch, serve) -> bytes:
    """A small stand-in for the collection, at hand and served."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        file.writestr(data.SMS_COLLECTION.member, LINES)
    content = packed.getvalue()

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    stand_in = replace(
        data.SMS_COLLECTION,
        urls=(f"{serve(Server)}/a.zip",),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        member_size=len(LINES),
        member_lines=LINES.count(b"\n"),
        member_sha256=hashlib.sha256(LINES).hexdigest(),
    )
    monkeypatch.setattr(data, "SMS_COLLECTION", stand_in)
    return content


@pytest.mark.parametrize("from_a_zip", [True, False])
@pytest.mark.parametrize("there", [None, b"other", LINES.replace(b"\n", b"\r\n")])
def test_a_download_gives_the_whole_file_or_changes_nothing(
    zipped, tmp_path, there, from_a_zip
):
    (tmp_path / "a.zip").write_bytes(zipped)
    archive = tmp_path / "a.zip" if from_a_zip else None
    (tmp_path / "place").mkdir()
    at = tmp_path / "place" / f"{data.SMS_COLLECTION.member}.tsv"
    if there is not None:
        (tmp_path / "before").write_bytes(there)

    def download(i: int, at: Path) -> None:
        data.download(at.parent, archive, progress=False)

    found = kinds_of_end(download, tmp_path / "before", at)
    assert found == {"old", "new"} and at.read_bytes() == LINES
    status, changes = run(lambda: download(1, at))
    assert os.waitstatus_to_exitcode(status) == ENDED and changes == 0


PRETRAINED = ("config.json", "model.safetensors", "history.json", "README.md")


@pytest.mark.parametrize("anew", [True, False])
def test_a_pretraining_is_the_old_one_or_the_new_one(
    texts, tmp_path, monkeypatch, anew
):
    pytest.importorskip("tokenizers")
    monkeypatch.setattr("torch.compile", lambda function: function)
    # its threads do not survive a fork; and a clock would tell the runs apart
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    still = SimpleNamespace(perf_counter=lambda: 0.0)
    monkeypatch.setattr("spamft.pretraining.loop.time", still)
    small = GPTConfig(300, context_length=16, emb_dim=8, n_layers=1, n_heads=1)

    def work(i: int, at: Path) -> None:
        config = PretrainConfig(4 if i else 2, 2, report_every=2)
        pretrain(texts, at, config, small, device="cpu")

    def results(at: Path) -> dict | None:
        """Those of a finished pretraining, after a look at how it would continue."""
        if (at / CHECKPOINT).exists():
            checkpoint = load_checkpoint(at / CHECKPOINT)
            assert checkpoint["vocabulary"] == sha256(at / VOCABULARY)
        there = tree(at) or {}
        return {name: there[name] for name in PRETRAINED if name in there}

    (tmp_path / "place").mkdir()
    work(0, tmp_path / "before")  # in this process, which imports for the forks, too
    assert set(results(tmp_path / "before")) == set(PRETRAINED)
    if anew:
        _remove(tmp_path / "before")
    place = tmp_path / "place" / "it"
    found = kinds_of_end(work, tmp_path / "before", place, results)
    assert found == {"old", "new"}


def test_a_comparison_has_a_cell_or_not(
    message_file, small_scratch, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "spamft.experiments.compare.plot_comparison", lambda table: Stub("a picture")
    )
    messages, model = open_splits(message_file), open_model("scratch")
    baseline, method = list(BASELINES.items())[0], METHODS["head"]

    def work(i: int, at: Path) -> None:
        entries = dict([baseline, (method.name, method)][: i + 1])
        compare(messages, model, at, entries=entries, seeds=1, epochs=1)

    def right(at: Path) -> dict:
        cells = (at / "cells").glob("[!.]*.json")
        return {cell.name: read_sealed(cell)["right"] for cell in cells}

    work(1, tmp_path / "warm")  # in this process, which imports for the forks, too
    work(0, tmp_path / "before")
    (tmp_path / "place").mkdir()
    place = tmp_path / "place" / "it"
    found = kinds_of_end(work, tmp_path / "before", place, right)
    assert found == {"old", "new"}
