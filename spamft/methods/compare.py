"""Every way of finetuning, and what needs none, on the same messages.

    compare(...) -> one cell per way and seed in cells/, then compare.csv, compare.md
    and compare.png

All ways train on the same messages, stop after the same epochs, and answer the same
test messages. What is done is kept: a comparison that was stopped goes on.
"""

import copy
import json
import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_file
from sklearn.metrics import matthews_corrcoef
from torch import nn
from tqdm.auto import tqdm

from spamft.batches import SpamDataset, make_bucketed_loader, make_loader
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import encode_labels, put_aside
from spamft.evaluate import predict
from spamft.gpt import GPT
from spamft.insight.baselines import BASELINES
from spamft.methods.instruct import (
    InstructionDataset,
    encode_prompt,
    make_instruction_loader,
    read_answers,
)
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.nf4 import quantize_linears
from spamft.methods.table import markdown, readings, summarize
from spamft.plots import plot_comparison
from spamft.sources import Data, Model, open_model, open_splits
from spamft.train import TrainConfig, fit
from spamft.trunk import run_trunk

__all__ = ["ROWS", "Row", "compare"]

READINGS = ("generated", "likelihood", "per_token")
TRAIN = TrainConfig(epochs=3, warmup_steps=50, clip_norm=1.0)
MESSAGES = 8  # of mean length make a batch's tokens


@dataclass(frozen=True)
class Row:
    """One way: what trains, and how fast it learns."""

    name: str
    kind: str  # "baseline", "prompt", "head" or "instruct"
    scope: str | int | None = None  # as in `set_trainable`; None: LoRA or nothing
    rank: int | None = None  # of LoRA
    in_4_bits: bool = False
    random: bool = False  # weights that nobody pretrained
    unbalanced: bool = False  # also on what balancing put aside, classes weighted alike
    shots: int = 0  # examples in the prompt
    lr: float | None = None  # for small models; above 50M parameters a tenth

    @property
    def has_seeds(self) -> bool:
        return self.kind in ("head", "instruct")


ROWS = (
    *(Row(name, "baseline") for name in BASELINES),
    Row("zero-shot prompt", "prompt"),
    Row("few-shot prompt (4)", "prompt", shots=4),
    Row("head only", "head", "head", lr=5e-3),
    Row("last block", "head", "last_block", lr=1e-3),
    Row(
        "last block, all ham, weighted", "head", "last_block", unbalanced=True, lr=1e-3
    ),
    Row("last two blocks", "head", "last_two_blocks", lr=1e-3),
    Row("full", "head", "all", lr=3e-4),
    Row("LoRA, r = 4", "head", rank=4, lr=2e-3),
    Row("LoRA, r = 16", "head", rank=16, lr=1e-3),
    Row("QLoRA, r = 16", "head", rank=16, in_4_bits=True, lr=1e-3),
    Row("instructions, LoRA r = 16", "instruct", rank=16, lr=1e-3),
    Row("random weights, full", "head", "all", random=True, lr=3e-4),
)


def compare(
    data: str | Path,
    model: str | Path,
    output: Path | str,
    *,
    split: str = "leak-free",
    seeds: int = 5,
    rows: Sequence[Row] = ROWS,
    text: str | None = None,
    label: str | None = None,
    folder: Path | str = "data",
    say: Callable[[str], None] = lambda line: None,
    progress: bool = False,
) -> pd.DataFrame:
    """Run what of `rows` is not done yet in `output`, and write the tables there.

    `data`, `model` and the rest are those of `open_splits` and `open_model`. Seeds are
    1 to `seeds`; they decide the new weights and the order of messages. Returns the
    table. Raises ValueError if `output` holds another comparison.
    """
    if seeds < 1:
        raise ValueError(f"{seeds=} must be at least 1")
    output = Path(output)
    opened = open_model(model)
    columns = {"text": text, "label": label}
    task = _Task(open_splits(data, split=split, folder=folder, **columns), opened)
    _claim(output, task, split)
    say(f"data: {task.data}\nmodel: {opened.source}")
    table = {}
    for row in tqdm(rows, desc="ways", disable=not progress):
        wanted = range(1, seeds + 1) if row.has_seeds else [0]
        cells = {seed: _path(output, row, seed) for seed in wanted}
        missing = [seed for seed in wanted if not cells[seed].exists()]
        for seed, cell in _run(task, row, missing):
            _write(cells[seed], json.dumps(cell))
            say(f"{row.name}, seed {seed}: accuracy {cell['accuracy']:.2%}")
        table[row.name] = [json.loads(path.read_text()) for path in cells.values()]
    frame = summarize(table)
    title = f"{task.data}; model: {opened.source}."
    _write(output / "compare.csv", frame.to_csv(index=False))
    _write(output / "compare.md", markdown(frame, readings(table), title))
    plot_comparison(frame).savefig(output / "compare.png", dpi=150)
    return frame


class _Task:
    """The messages as every way needs them."""

    def __init__(self, data: Data, opened: Model):
        self.data, self.opened = data, opened
        self.names, self.splits = data.names, data.splits
        context, tokenizer = opened.gpt.config.context_length, opened.tokenizer
        self.longest = min(
            SpamDataset(data.splits.train, tokenizer).max_length, context
        )
        self.datasets = [
            SpamDataset(part, tokenizer, self.longest) for part in data.splits
        ]
        lengths = [len(ids) for ids in self.datasets[0].ids]
        self.budget = max(self.longest, MESSAGES * sum(lengths) // len(lengths))
        self.labels = np.array(data.splits.test["Label"])
        self.large = sum(p.numel() for p in opened.gpt.parameters()) > 50e6
        # longest answer, end token included
        answers = tokenizer.encode_ordinary_batch([f" {name}" for name in self.names])
        self.answer = 1 + max(map(len, answers))

    def config(self, row: Row, labels: Sequence[int]) -> TrainConfig:
        """How this row trains; with a weight a class if they are not equally many."""
        weights = None
        if row.unbalanced:
            counts = np.bincount(labels, minlength=len(self.names))
            weights = tuple(len(labels) / (len(counts) * counts))
        lr = row.lr / 10 if self.large else row.lr
        return replace(TRAIN, lr=lr, class_weights=weights)

    def training(self, row: Row) -> SpamDataset:
        """The balanced training part, or with it all that balancing put aside."""
        if not row.unbalanced:
            return self.datasets[0]
        aside = encode_labels(put_aside(self.data.df, self.splits), self.names)
        everything = pd.concat([self.splits.train, aside])
        return SpamDataset(everything, self.opened.tokenizer, self.longest)

    def gpt(self, row: Row, seed: int) -> GPT:
        """A GPT of this row's own, to be changed at will."""
        if row.random:
            return GPT(self.opened.gpt.config, seed=seed)
        return copy.deepcopy(self.opened.gpt)

    def classifier(self, row: Row, seed: int) -> GPTClassifier:
        """Ready to train in the row's way."""
        model = GPTClassifier(
            self.gpt(row, seed),
            len(self.names),
            label_names=self.names,
            max_length=self.longest,
            seed=seed,
        )
        if row.rank is None:
            set_trainable(model, row.scope)
            return model
        if row.in_4_bits:
            quantize_linears(model)
        add_lora(model, LoRAConfig(row.rank, 2 * row.rank), seed=seed)
        return model

    def prompts(self, part: pd.DataFrame, shots: int) -> list[list[int]]:
        """The part's messages as prompts, with the first short examples of train."""
        room = self.opened.gpt.config.context_length - self.answer
        examples, train = [], self.splits.train
        for i in range(shots):  # one class after the other
            name, turn = self.names[i % len(self.names)], i // len(self.names)
            texts = train[train["Label"] == i % len(self.names)]["Text"]
            short = texts[texts.str.len() < 80]
            texts = short if len(short) > turn else texts
            examples.append((texts.iloc[turn], name))
        return [
            encode_prompt(self.opened.tokenizer, text, shots=examples, room=room)
            for text in part["Text"]
        ]


def _run(task: _Task, row: Row, seeds: Sequence[int]) -> Iterator[tuple[int, dict]]:
    """(seed, cell) for each seed; a cell says what came of it."""
    if not seeds:
        return
    ways = {"baseline": _baseline, "prompt": _prompt, "head": _head}
    with _PeakMemory() as memory:
        for seed, cell, said in ways.get(row.kind, _instruct)(task, row, seeds):
            right = (said == task.labels).astype(int).tolist()
            yield (
                seed,
                {
                    "row": asdict(row),
                    "seed": seed,
                    "accuracy": float(np.mean(right)),
                    "mcc": float(matthews_corrcoef(task.labels, said)),
                    "peak_bytes": memory.peak(),
                    "right": right,
                }
                | cell,
            )


def _baseline(task: _Task, row: Row, seeds: Sequence[int]):
    began = time.perf_counter()
    train, _, test = task.splits
    estimator = BASELINES[row.name]().fit(train["Text"].tolist(), train["Label"])
    said = estimator.predict(test["Text"].tolist())
    seconds = time.perf_counter() - began
    size = len(pickle.dumps(estimator))
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    cell = {"trained": _learned(last), "seconds": seconds, "file_bytes": size}
    yield 0, cell, said


def _learned(estimator) -> int:
    """Numbers that a baseline has learned: coefficients, or a tree's thresholds."""
    if hasattr(estimator, "get_n_leaves"):
        return int(estimator.get_n_leaves()) - 1
    return int(np.size(getattr(estimator, "coef_", ())))


def _prompt(task: _Task, row: Row, seeds: Sequence[int]):
    prompts = task.prompts(task.splits.test, row.shots)
    cell, said = _read(task, task.opened.gpt, prompts, "likelihood")
    yield 0, {"trained": 0, "file_bytes": 0} | cell, said


def _head(task: _Task, row: Row, seeds: Sequence[int]):
    """A class head; the trunk, if there is one, runs once for all seeds."""
    model = task.classifier(row, seeds[0])
    train, (_, validation, test) = task.training(row), task.datasets
    loaders = [
        make_bucketed_loader(train, task.budget, shuffle=True),
        make_bucketed_loader(validation),
        make_loader(test, 32),  # in the order of the labels
    ]
    began = time.perf_counter()
    with run_trunk(model, loaders) as (top, (training, looked_at, asked)):
        trunk = time.perf_counter() - began
        for seed in seeds:
            model.load_state_dict(task.classifier(row, seed).state_dict())
            training.batch_sampler.generator.manual_seed(seed)
            began = time.perf_counter()
            _train(top, training, looked_at, task.config(row, train.labels))
            said = predict(top, asked)[0].argmax(-1).numpy()
            seconds = trunk + time.perf_counter() - began
            yield seed, _size(model) | {"seconds": seconds}, said


def _train(model: nn.Module, training, looked_at, config: TrainConfig) -> None:
    """`fit`; but what Ctrl-C ends early is no result, and ends the comparison too."""
    history = fit(model, training, looked_at, config)
    if not history or history[-1].epoch < config.epochs:
        raise KeyboardInterrupt


def _instruct(task: _Task, row: Row, seeds: Sequence[int]):
    """The answers in words; the verdict is what the model writes."""
    tokenizer = task.opened.tokenizer
    parts = [task.prompts(part, 0) for part in task.splits]
    sets = [
        InstructionDataset(prompts, [task.names[k] for k in part["Label"]], tokenizer)
        for prompts, part in zip(parts, task.splits, strict=True)
    ]
    for seed in seeds:
        gpt = task.gpt(row, seed)
        add_lora(gpt, LoRAConfig(row.rank, 2 * row.rank, also=()), seed=seed)
        began = time.perf_counter()
        size = MESSAGES * sum(map(len, parts[0])) // len(parts[0])
        training = make_instruction_loader(sets[0], size, shuffle=True, seed=seed)
        _train(gpt, training, make_instruction_loader(sets[1]), task.config(row, []))
        seconds = time.perf_counter() - began
        cell, said = _read(task, gpt, parts[2], "generated")
        cell["seconds"] += seconds
        yield seed, _size(gpt) | cell, said


def _read(
    task: _Task, gpt: GPT, prompts: list[list[int]], verdict: str
) -> tuple[dict, np.ndarray]:
    """All three readings, and the answers of the one that counts, -1 for none."""
    began = time.perf_counter()
    said = {
        verdict: read_answers(gpt, task.opened.tokenizer, prompts, task.names, verdict)
    }
    seconds = time.perf_counter() - began
    for reading in READINGS:
        if reading != verdict:
            said[reading] = read_answers(
                gpt, task.opened.tokenizer, prompts, task.names, reading
            )
    answers = {
        reading: np.array([-1 if place is None else place for place in said[reading]])
        for reading in READINGS
    }
    readings = {"parsed": float(np.mean(answers["generated"] >= 0))} | {
        reading: float(np.mean(each == task.labels))
        for reading, each in answers.items()
    }
    return {"seconds": seconds, "readings": readings}, answers[verdict]


def _size(model: nn.Module) -> dict:
    """Numbers that train, and the bytes of a file with these alone."""
    trained = {
        name: p.detach().contiguous()
        for name, p in model.named_parameters()
        if p.requires_grad
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trained.safetensors"
        save_file(trained, path)
        return {
            "trained": sum(p.numel() for p in trained.values()),
            "file_bytes": path.stat().st_size,
        }


class _PeakMemory:
    """The most memory that the process held since the beginning of a row."""

    STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def __enter__(self):
        self.known = sys.platform == "linux" and self.RESET.exists()
        if self.known:
            self.RESET.write_text("5")  # the peak is now what is held
        return self

    def __exit__(self, *error):
        return None

    def peak(self) -> int | None:
        """Bytes; None where the system does not say."""
        if not self.known:
            return None
        [line] = [x for x in self.STATUS.read_text().splitlines() if "VmHWM" in x]
        return int(line.split()[1]) * 1024


def _claim(output: Path, task: _Task, split: str) -> None:
    """Note what is compared, or see that it is the same as what the folder has."""
    about = {
        "data": task.data.source,
        "rows": len(task.data.df),
        "split": split,
        "model": task.opened.name,
        "train": asdict(TRAIN),
    }
    path = output / "about.json"
    if path.exists():
        there = json.loads(path.read_text())
        if there != json.loads(json.dumps(about)):
            raise ValueError(f"{output} holds another comparison: {there}")
        return
    _write(path, json.dumps(about, indent=2) + "\n")


def _path(output: Path, row: Row, seed: int) -> Path:
    name = "".join(c if c.isalnum() else "-" for c in row.name.lower())
    return output / "cells" / f"{name}-{seed}.json"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
