"""Every method and every baseline on the same messages.

    compare(data, model, folder) -> a Comparison; one cell per entry and seed in cells/,
    then compare.csv, compare.md and compare.png

All methods train on the same messages for the same epochs and are measured on the same
test messages. Finished cells are kept, and the running one leaves checkpoints: killed
or interrupted, the same call resumes.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import matthews_corrcoef

from spamft.data import Splits, encode_labels
from spamft.experiments.checkpoints import Checkpoints
from spamft.experiments.cost import PeakMemory, estimator_size, trained_size
from spamft.experiments.finetune import finetune
from spamft.experiments.run import Run
from spamft.experiments.table import markdown, readings_table, summarize
from spamft.insight.baselines import BASELINES
from spamft.methods.instruct import READINGS, read_answers
from spamft.methods.method import METHODS, Method, describe
from spamft.models.prompted import PromptClassifier
from spamft.plots import plot_comparison
from spamft.plumbing.checkpoint import digest
from spamft.plumbing.display import mark_formula, visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import clear_up, whole_file
from spamft.plumbing.jsonfile import read_sealed, write_sealed
from spamft.plumbing.locks import only_one
from spamft.sources.duplicates import put_aside
from spamft.sources.messages import PreparedData
from spamft.sources.models import Pretrained
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
    log: Callable[[str], None] = lambda line: None,
) -> Comparison:
    """Run those of `entries` that `folder` does not have yet, and write the tables.

    Seeds are 1 to `seeds`; they decide new weights and the order of messages. A stored
    cell whose method or settings have changed since is run again, and `log` says so.
    Raises SpamftError if `folder` holds a comparison of other data or another model.
    """
    if seeds < 1:
        raise SpamftError(f"{seeds=} must be at least 1")
    folder = Path(folder)
    with only_one(folder):
        _claim(folder, data, model)
        log(f"data: {data}\nmodel: {visible(model.source)}")
        cells = {
            name: [
                _cell(_Job(data, model, name, entry, seed, epochs, device), folder, log)
                for seed in (range(1, seeds + 1) if _has_seeds(entry) else [0])
            ]
            for name, entry in entries.items()
        }
        table = summarize(cells)
        marked = table.assign(method=table["method"].map(mark_formula))
        _write(folder / "compare.csv", marked.to_csv(index=False))
        title = f"{data}; model: {model.source}."
        _write(folder / "compare.md", markdown(table, readings_table(cells), title))
        with whole_file(folder / "compare.png") as part:
            plot_comparison(table).savefig(part, dpi=150, format="png")
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

    def description(self) -> dict:
        """What decides the result, beside data and model."""
        trained = {"epochs": self.epochs} if _method_of(self.entry) else {}
        return json.loads(json.dumps({"entry": describe(self.entry)} | trained))


def _cell(job: _Job, folder: Path, log: Callable[[str], None]) -> dict:
    """The stored result of this job, or a new one that is stored."""
    name = visible(job.name)
    slug = "".join(c if c.isalnum() else "-" for c in job.name.lower())
    path = folder / "cells" / f"{slug}-{job.seed}.json"
    checkpoints = Checkpoints.beside(path, resume=True)
    if path.exists():
        cell = read_sealed(path)
        if cell.get("description") == job.description():
            clear_up(path)  # it may have been killed just after it was stored
            checkpoints.remove()
            return cell
        log(f"{name}, seed {job.seed}: stored for other settings, so run again")
    with PeakMemory() as memory:
        if _method_of(job.entry):
            cell = _run_method(job, checkpoints, log)
        else:
            cell = _run_baseline(job)
    common = {"name": job.name, "seed": job.seed, "description": job.description()}
    cell = common | {"peak_bytes": memory.bytes} | cell
    write_sealed(path, cell)
    checkpoints.remove()
    log(f"{name}, seed {job.seed}: accuracy {cell['accuracy']:.2%}")
    return cell


def _run_method(
    job: _Job, checkpoints: Checkpoints, log: Callable[[str], None]
) -> dict:
    method, data = _method_of(job.entry), job.data
    if isinstance(job.entry, AllRows):
        data = _with_all_rows(data)
    run = finetune(
        data,
        job.model,
        method,
        config={"epochs": job.epochs},
        seed=job.seed,
        device=job.device,
        checkpoints=checkpoints,
    )
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
    train_part, _, test = job.data.splits
    estimator = job.entry().fit(train_part["Text"].tolist(), train_part["Label"])
    predicted = np.array(estimator.predict(test["Text"].tolist()))
    seconds = time.perf_counter() - began
    trained, size = estimator_size(estimator)
    costs = {"seconds": seconds, "trained": trained, "file_bytes": size}
    return _scores(job.data, predicted) | costs


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


def _claim(folder: Path, data: PreparedData, model: Pretrained) -> None:
    """Note what is compared, or check that it is what the folder has."""
    about = {
        "data": data.source,
        "messages": digest([part.to_csv(index=False) for part in data.splits]),
        "classes": list(data.names),
        "model": model.name,
        "gpt": asdict(model.gpt.config),
        "weights": digest(model.gpt.state_dict()),
    }
    path = folder / "about.json"
    clear_up(path)
    if not path.exists():
        write_sealed(path, about)
        return
    there = read_sealed(path)
    for key, value in about.items():
        if there.get(key) != value:
            raise SpamftError(
                f"{folder} holds a comparison of other {key}: choose another folder"
            )


def _write(path: Path, text: str) -> None:
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
