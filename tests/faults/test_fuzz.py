"""Whatever bytes a file holds: a result, or one short line of ours that names it.

`SPAMFT_FAULTS` is how many files and folders of each kind are tried, counted from
`SPAMFT_FAULTS_FROM`.
"""

import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import fuzz
import pytest
import torch
from safetensors import safe_open

from spamft.classifier import GPTClassifier
from spamft.data import load_splits, read_messages
from spamft.gpt import GPT, GPTConfig
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.lora_files import load_adapter, save_adapter
from spamft.models.prompted import PromptClassifier
from spamft.plumbing.checkpoint import load_checkpoint, save_checkpoint
from spamft.plumbing.errors import SpamftError
from spamft.pretrained import save_gpt2
from spamft.reading.layout import Layout
from spamft.reading.table import open_table
from spamft.sources import open_model, open_splits
from spamft.tokenizer import save_bpe
from spamft.use.saved import load, save

SEEDS = range(
    int(os.environ.get("SPAMFT_FAULTS_FROM", 0)),
    int(os.environ.get("SPAMFT_FAULTS", 150)),
)
SECONDS = 10  # more than that is a hang
SHORT = 500  # characters of an error, beside the path
MOST = 2 * 2**30  # bytes of memory
SHAPE = GPTConfig(vocab_size=257, context_length=64, emb_dim=16, n_layers=2, n_heads=2)


class Hung(BaseException):
    """Beyond what an `except Exception` could take."""


@contextmanager
def watchdog() -> Iterator[None]:
    """Raise Hung after SECONDS, where the system has alarms."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise Hung(f"no answer in {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(work: Callable[[], object], path: Path) -> tuple[str, str]:
    """("a result", "refused" or "broken", what breaks the law)."""
    try:
        with watchdog():
            work()
    except (SpamftError, OSError) as error:
        said = str(error)
        if str(path) not in said:
            return "broken", f"does not name the file: {said[:200]!r}"
        if len(said.splitlines()) != 1 or len(said) > SHORT + len(str(path)):
            return "broken", f"not one short line: {said[:200]!r}"
        return "refused", ""
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of Rust is one, too
        return "broken", f"{type(error).__name__}: {str(error)[:200]}"
    return "a result", ""


class Trials:
    """What became of many files: counted, and those that break the law named."""

    def __init__(self):
        self.done, self.broken, self.started = Counter(), {}, time.monotonic()

    def try_out(self, name: str, seed: int, work: Callable, path: Path) -> None:
        end, found = outcome(work, path)
        self.done[name, end] += 1
        if end == "broken":
            kind = re.sub(r"\d+", "0", found).replace(str(path), "")[:60]
            self.broken.setdefault((name, kind), f"{name}, seed {seed}: {found}")

    def check(self) -> None:
        took = time.monotonic() - self.started
        counts = ", ".join(f"{n} {' '.join(key)}" for key, n in self.done.items())
        print(f"{counts}; {took:.1f} s, at most {memory() / 2**20:.0f} MiB")
        if self.broken:  # one of each kind
            pytest.fail("\n".join(list(self.broken.values())[:40]), pytrace=False)
        assert memory() < MOST
        ends = {end for _, end in self.done}
        assert len(SEEDS) < 50 or ends == {"a result", "refused"}


def memory() -> int:
    """The most bytes that this process ever held, or 0 where nobody counts."""
    try:
        import resource
    except ImportError:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def consume(path: Path) -> None:
    with open_table(path, with_label=False) as table:
        for row in table.rows:
            assert all(isinstance(cell, str) for cell in row.cells)


def read(path: Path, **options) -> None:
    found = read_messages(path, **options)
    assert all(isinstance(cell, str) for row in found.to_numpy() for cell in row)


READERS = {
    "read_messages": read,
    "as the lecture": lambda path: read(path, lecture=True),
    "by columns": lambda p: read(p, layout=Layout(text="Text", label="Label")),
    "open_splits": open_splits,
    "the lecture's splits": lambda path: open_splits(path, lecture=True),
    "open_table": consume,
    "load_splits": lambda path: load_splits(path.parent),
}


def test_whatever_a_file_of_messages_holds(tmp_path):
    trials = Trials()
    for seed in SEEDS:
        raw = fuzz.message_file(Random(f"messages {seed}"))
        for name in ("train", "validation", "test"):
            (tmp_path / f"{name}.csv").write_bytes(raw)
        for name, reader in READERS.items():
            path = tmp_path / "train.csv"
            trials.try_out(name, seed, lambda r=reader, p=path: r(p), path)
    trials.check()


@pytest.fixture
def valid(tokenizer, tmp_path) -> dict[str, Path]:
    """A folder of each kind, and a checkpoint, as they were written."""
    gpt, ranks = GPT(SHAPE, seed=1), tokenizer._mergeable_ranks
    save(GPTClassifier(gpt), tmp_path / "saved", tokenizer)
    answers = [tokenizer.encode_ordinary(f" {name}") for name in ("a", "b")]
    by_prompt = PromptClassifier(gpt, ("a", "b"), answers, instruction="Q?")
    save(by_prompt, tmp_path / "prompted", tokenizer)
    save_gpt2(gpt, tmp_path / "model")
    save_bpe(ranks, tmp_path / "model" / "vocabulary.tiktoken")
    learner = GPTClassifier(open_model(tmp_path / "model").gpt)
    add_lora(learner, LoRAConfig(2))
    save_adapter(learner, tmp_path / "adapter")
    base = open_model(shutil.copytree(tmp_path / "model", tmp_path / "base"))
    save(learner, tmp_path / "part", tokenizer, base=base)
    names = ("saved", "prompted", "part", "model", "adapter")
    return {name: tmp_path / name for name in names}


def spoilt(valid: Path, seed: int) -> tuple[Random, Path]:
    """A fresh copy of a folder with one file changed, once or twice."""
    draw, folder = Random(f"{valid.name} {seed}"), valid.with_name("spoilt")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(valid, folder)
    for _ in range(draw.choice((1, 1, 1, 2))):
        _spoil(draw, folder)
    return draw, folder


def _spoil(draw: Random, folder: Path) -> None:
    try:
        fuzz.spoil(draw, folder)
    except Exception:  # the second change of a file that is none of its kind any more
        return


def test_whatever_the_base_of_a_saved_classifier_holds_and_no_change_goes_unseen(valid):
    trials, base = Trials(), valid["part"].with_name("base")
    whole = {n: t.clone() for n, t in load(valid["part"]).model.state_dict().items()}

    def work():
        weights = load(valid["part"]).model.state_dict()
        assert all(weights[name].equal(tensor) for name, tensor in whole.items())

    for seed in SEEDS:
        _, folder = spoilt(valid["model"], seed)
        shutil.rmtree(base)
        shutil.copytree(folder, base)
        trials.try_out("load", seed, work, valid["part"])
    trials.check()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["saved", "prompted", "part"])
def test_whatever_a_saved_classifier_holds_and_no_change_goes_unseen(valid, kind):
    trials, whole = Trials(), contents(valid[kind])
    for seed in SEEDS:
        _, folder = spoilt(valid[kind], seed)

        def work(folder=folder):
            load(folder).classify("hi")
            assert contents(folder) == whole, "a change was not found"

        trials.try_out("load", seed, work, folder)
    trials.check()


@pytest.mark.parametrize("kind", ["saved", "prompted", "part"])
def test_whatever_a_sealed_classifier_holds(valid, kind):
    trials = Trials()
    for seed in SEEDS:
        draw, folder = spoilt(valid[kind], seed)
        if draw.random() < 0.5:  # the card alone
            shutil.rmtree(folder)
            shutil.copytree(valid[kind], folder)
        fuzz.reseal(draw, folder)
        trials.try_out("load", seed, lambda f=folder: load(f).classify("hi"), folder)
    trials.check()


def test_whatever_a_models_folder_holds(valid):
    trials = Trials()
    for seed in SEEDS:
        _, folder = spoilt(valid["model"], seed)
        if seed % 5 == 0:  # a shard, with the index that names it
            index = folder / "model.safetensors.index.json"
            (folder / "model.safetensors").rename(folder / "one.safetensors")
            text = '{"weight_map": {"a": "one.safetensors", "b": "one.safetensors"}}'
            index.write_bytes(fuzz.spoil_json(Random(seed), text))
        trials.try_out("open_model", seed, lambda f=folder: open_model(f), folder)
    trials.check()


def test_whatever_an_adapter_holds(valid):
    trials = Trials()
    for seed in SEEDS:
        _, folder = spoilt(valid["adapter"], seed)

        def work(folder=folder):
            model = GPTClassifier(GPT(SHAPE, seed=1))
            before = {name: t.clone() for name, t in model.state_dict().items()}
            try:
                load_adapter(model, folder)
            except (SpamftError, OSError):
                after = model.state_dict()
                same = before.keys() == after.keys()
                same = same and all(t.equal(after[n]) for n, t in before.items())
                assert same, "refused, but changed"
                raise

        trials.try_out("load_adapter", seed, work, folder)
    trials.check()


def test_whatever_a_checkpoint_holds(tmp_path):
    trials, path = Trials(), tmp_path / "folder" / "checkpoint.safetensors"
    (tmp_path / "folder").mkdir()
    tree = {"a": [torch.ones(2, 3), {"b": torch.zeros(0), 5: None}], "step": 7}
    for seed in SEEDS:
        draw = Random(f"checkpoint {seed}")
        save_checkpoint(path, tree)
        if draw.random() < 0.5:
            with safe_open(path, "pt") as file:
                rest = file.metadata()["tree"]
            fuzz.hostile_checkpoint(draw, path, rest)
        else:
            _spoil(draw, path.parent)
        trials.try_out("load_checkpoint", seed, lambda: load_checkpoint(path), path)
    trials.check()
