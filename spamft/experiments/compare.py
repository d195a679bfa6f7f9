"""Every method and every baseline on the same messages.

    compare(data, model, folder) -> a Comparison; one cell per entry and seed in cells/,
    then compare.csv, compare.md and compare.png

All methods train on the same messages for the same epochs and are measured on the same
test messages. Finished cells are kept, and the running one leaves checkpoints: killed
or interrupted, the same call resumes.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import matthews_corrcoef

from spamft.data import Splits, encode_labels
from spamft.experiments.cells import about, claim, kept_cell, slug
from spamft.experiments.checkpoints import Checkpoints
from spamft.experiments.cost import PeakMemory, estimator_size, trained_size
from spamft.experiments.finetune import finetune
from spamft.experiments.run import Run
from spamft.experiments.table import markdown, readings_table, summarize
from spamft.insight.baselines import BASELINES
from spamft.methods.instruct import READINGS, read_answers
from spamft.methods.method import METHODS, Method, describe
from spamft.models.precision import NothingFrozenError, precision_named
from spamft.models.prompted import PromptClassifier
from spamft.plots import plot_comparison
from spamft.plumbing.device import describe_device, pick_device
from spamft.plumbing.display import mark_formula, visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file
from spamft.plumbing.locks import only_one
from spamft.sources.duplicates import put_aside
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData
from spamft.train import train

__all__ = ["ENTRIES", "AllRows", "Comparison", "Entry", "compare"]


@dataclass(frozen=True)
class AllRows:
    """A method that also trains on what balancing put aside, with class weights."""

    method: Method


Entry = Method | AllRows | Callable[[], BaseEstimator]
ENTRIES: dict[str, Entry] = {
    **BASELINES,
    **{method.name: method for method in METHODS.values()},
    "last block, all rows, weighted": AllRows(METHODS["last_block"]),
}


class Comparison(NamedTuple):
    """The table, and for each entry which test messages it got right."""

    table: pd.DataFrame  # one row per entry
    cells: dict[str, list[dict]]  # one cell per seed

    def right(self, name: str) -> np.ndarray:
        """(seeds, N) of 1 or 0: whether each test message was predicted right."""
        return np.array([cell["right"] for cell in self.cells[name]])


def compare(
    data: PreparedData,
    model: Pretrained,
    folder: Path | str,
    *,
    entries: Mapping[str, Entry] = ENTRIES,
    seeds: int = 5,
    epochs: int = 3,
    device: str = "auto",
    precision: str = "auto",
    log: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Run those of `entries` that `folder` does not have yet, and write the tables.

    Seeds are 1 to `seeds`; they decide new weights and the order of messages.
    `precision` is that of products with frozen weights, as in `finetune`. A stored
    cell whose method or settings have changed since is run again, and `log` says so.
    Raises SpamftError if `folder` holds a comparison of other data or another model.
    """
    if seeds < 1:
        raise SpamftError(f"{seeds=} must be at least 1")
    folder = Path(folder)
    with only_one(folder):
        claim(folder, about(data, model), "a comparison")
        where = pick_device(device)
        precision = precision_named(precision, where)
        log(f"data: {data}\nmodel: {visible(model.source)}")
        log(f"device: {describe_device(where)}, precision: {precision}")
        jobs = [
            _Job(data, model, name, entry, seed, epochs, device, precision)
            for name, entry in entries.items()
            for seed in (range(1, seeds + 1) if _has_seeds(entry) else [0])
        ]
        cells = {name: [] for name in entries}
        for place, job in enumerate(jobs, start=1):
            progress = f"[{place} of {len(jobs)}]"
            cells[job.name].append(_cell(job, folder, progress, log))
        table = summarize(cells)
        title = f"{data}; model: {model.source}; precision: {precision}."
        _write(folder / "compare.md", markdown(table, readings_table(cells), title))
        _write(folder / "compare.csv", _marked(table).to_csv(index=False))
        picture = plot_comparison(table)
        with whole_file(folder / "compare.png") as part:
            picture.savefig(part, dpi=150, format="png")
        if picture.numbered:
            log(f"compare.png: {picture.numbered}")
    return Comparison(table, cells)


class _Job(NamedTuple):
    """One cell to fill."""

    data: PreparedData
    model: Pretrained
    name: str
    entry: Entry
    seed: int
    epochs: int
    device: str
    precision: str

    def description(self) -> dict:
        """What decides the cell, beside data and model."""
        is_method = _method_of(self.entry) is not None
        # a baseline's cell of before it was measured on the validation part is of use
        # no more
        more = {"validation": True}
        if is_method:
            more = {"epochs": self.epochs, "precision": self.precision}
        return {"entry": describe(self.entry)} | more


def _cell(job: _Job, folder: Path, progress: str, log: Callable[[str], None]) -> dict:
    """The stored result of this job, or a new one that is stored."""
    path = folder / "cells" / f"{slug(job.name)}-{job.seed}.json"
    checkpoints = Checkpoints.beside(path, resume=True)

    def make() -> dict:
        with PeakMemory() as memory:
            if _method_of(job.entry):
                cell = _run_method(job, checkpoints, log)
            else:
                cell = _run_baseline(job)
        return {"name": job.name, "seed": job.seed, "peak_bytes": memory.bytes} | cell

    name = f"{progress} {visible(job.name)}, seed {job.seed}"
    cell = kept_cell(path, name, job.description(), make, log)
    checkpoints.remove()  # not before the cell is stored
    return cell


def _run_method(
    job: _Job, checkpoints: Checkpoints, log: Callable[[str], None]
) -> dict:
    method, data = _method_of(job.entry), job.data
    if isinstance(job.entry, AllRows):
        data = _with_all_rows(data)
    settings = {"config": {"epochs": job.epochs}, "seed": job.seed}
    settings |= {"device": job.device, "checkpoints": checkpoints}
    try:
        run = finetune(data, job.model, method, precision=job.precision, **settings)
    except NothingFrozenError:
        log(f"{visible(job.name)}: nothing is frozen in float32, so all is float32")
        run = finetune(data, job.model, method, **settings)
    predicted = run.logits["test"].argmax(-1).numpy()
    stages = ("trunk", "train", "evaluate")
    seconds = sum(run.seconds[stage] for stage in stages)
    trained, size = trained_size(run.model)
    if not run.history:  # nothing was changed
        trained, size = 0, 0
    readings = {}
    if isinstance(run.model, PromptClassifier):
        readings = {"readings": _readings(run)}
    costs = {"seconds": seconds, "trained": trained, "file_bytes": size}
    return _scores(data, predicted) | costs | readings


def _run_baseline(job: _Job) -> dict:
    began = time.perf_counter()
    train_part, validation, test = job.data.splits
    estimator = job.entry().fit(train_part["Text"].tolist(), train_part["Label"])
    predicted = np.array(estimator.predict(test["Text"].tolist()))
    seconds = time.perf_counter() - began
    trained, size = estimator_size(estimator)
    costs = {"seconds": seconds, "trained": trained, "file_bytes": size}
    known = estimator.predict(validation["Text"].tolist()) == validation["Label"]
    return _scores(job.data, predicted) | costs | {"validation": float(known.mean())}


def _scores(data: PreparedData, predicted: np.ndarray) -> dict:
    labels = data.splits.test["Label"].to_numpy()
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "mcc": float(matthews_corrcoef(labels, predicted)),
        "right": (predicted == labels).astype(int).tolist(),
    }


def _readings(run: Run) -> dict[str, float]:
    """Accuracy by each reading of an answer, and how many texts were a name."""
    test, model = run.data.splits.test, run.model
    prompts = model.encode(test["Text"].tolist(), run.tokenizer)
    shares = {}
    for reading in READINGS:
        answers = read_answers(
            model.gpt, run.tokenizer, prompts, model.label_names, reading
        )
        right = [a == b for a, b in zip(answers, test["Label"], strict=True)]
        shares[reading] = float(np.mean(right))
        if reading == "generated":
            shares["parsed"] = float(np.mean([a is not None for a in answers]))
    return shares


def _with_all_rows(data: PreparedData) -> PreparedData:
    """The same, with all that balancing put aside in the training part."""
    aside = encode_labels(put_aside(data.df, data.splits), data.names)
    train_part = pd.concat([data.splits.train, aside], ignore_index=True)
    splits = Splits(train_part, *data.splits[1:])
    return data._replace(splits=splits, balanced=False)


def _method_of(entry: Entry) -> Method | None:
    if isinstance(entry, AllRows):
        return entry.method
    return entry if isinstance(entry, Method) else None


def _has_seeds(entry: Entry) -> bool:
    """Whether another seed could give another result."""
    method = _method_of(entry)
    return method is not None and method.learn is train


def _marked(table: pd.DataFrame) -> pd.DataFrame:
    """The same, with nothing that a spreadsheet would compute."""
    names = table[["method", "baseline"]]
    return table.assign(**names.map(mark_formula, na_action="ignore"))


def _write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
