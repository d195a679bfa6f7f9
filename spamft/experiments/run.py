"""Run: a finetuned model, how it came about, its metrics, and its folder.

run.metrics()     all but the history, as a dict; what metrics.json holds
run.save(folder)  metrics.json, history.csv, the three parts, model/, then pictures
"""

import json
import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import tiktoken
import torch
from torch import Tensor, nn

from spamft import __version__
from spamft.classifier import what_trains
from spamft.data import Splits, save_splits
from spamft.evaluate import FEW_CLASSES, Report
from spamft.experiments.pictures import PICTURES, add_pictures
from spamft.experiments.robust import Robustness
from spamft.methods.method import Method, describe
from spamft.models.backbone import LARGE
from spamft.models.precision import precision_of
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import check_place, whole_folder
from spamft.plumbing.locks import only_one
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData
from spamft.train import Record, TrainConfig
from spamft.trunk import TrunkPlan
from spamft.use.predict import classify
from spamft.use.saved import FILES, save
from spamft.use.trained import Kept
from spamft.use.verdict import DecisionRule, Verdict

__all__ = ["RESULTS", "Run", "Setup", "check_folder", "report_dict"]

RESULTS = (
    *("train.csv", "validation.csv", "test.csv"),
    *("history.csv", "model", "metrics.json"),
    *PICTURES,
)


class Setup(NamedTuple):
    """What a run is made of, every default decided."""

    data: PreparedData
    pretrained: Pretrained
    method: Method
    config: TrainConfig
    lecture: bool
    seed: int
    device: torch.device
    robust: Robustness | None = None  # what makes it hard to fool, if that is wanted
    precision: str = "float32"  # of products with frozen weights


@dataclass(frozen=True, repr=False)
class Run:
    """One finished finetuning."""

    model: nn.Module  # class logits for token ids
    setup: Setup
    history: list[Record]
    logits: dict[str, Tensor]  # (N, K) of train, validation, test, in their order
    reports: dict[str, Report]  # of the same
    trunk: TrunkPlan | None  # what was run once, if anything was
    seconds: dict[str, float]  # by stage
    rule: DecisionRule = DecisionRule()  # what it does with its logits

    @property
    def data(self) -> PreparedData:
        """The messages and their three parts."""
        return self.setup.data

    @property
    def tokenizer(self) -> tiktoken.Encoding:
        """What the model reads with."""
        return self.setup.pretrained.tokenizer

    def classify(self, texts: str | Iterable[str]) -> Verdict | list[Verdict]:
        """A Verdict for one text, or one for each of many, in their order."""
        return classify(self.model, self.tokenizer, texts, self.rule)

    def __repr__(self) -> str:
        test = self.reports["test"].describe(self.data.names)
        return (
            f"{visible(self.setup.method.name)} of "
            f"{visible(self.setup.pretrained.source)}\ntest: {test}"
        )

    def metrics(self) -> dict:
        """All about the run but its history, ready for JSON."""
        return {
            "data": _data_facts(self.data),
            "model": _model_facts(self),
            "method": describe(self.setup.method),
            "recipe": _recipe_facts(self),
            "rule": self.rule.to_dict(),
            "robust": self.setup.robust and self.setup.robust.to_dict(),
            "leaks": self.data.leaks,
            "trunk": _trunk_facts(self.trunk),
            "seconds": self.seconds,
        } | {
            name: report_dict(report, self.data.names)
            for name, report in self.reports.items()
        }

    def save(
        self,
        folder: Path | str,
        *,
        whole: bool = False,
        overwrite: bool = False,
        log: Callable[[str], None] = lambda line: None,
    ) -> Path:
        """Write the run into `folder`, which appears whole or not at all; return it.

        Of a large model only what training changed is kept, beside its base's name,
        unless it is to be `whole`; of a small one, everything. The pictures are drawn
        after that: one that cannot be drawn is missing, and `log` gets a line about it.
        Raises SpamftError if the folder already holds a run, unless `overwrite`; other
        files in it stay.
        """
        folder = Path(folder)
        own = [*RESULTS, *(f"model/{name}" for name in FILES)]
        with only_one(folder):
            with whole_folder(folder, own) as made:
                _check_content(folder, overwrite)
                kept = self._write(made, whole)
            if self._is_large:
                log(str(kept))
            log(f"results in {folder}")
            report, names = self.reports["test"], self.data.names
            add_pictures(folder, self.history, report, names, log)
        return folder

    @property
    def _is_large(self) -> bool:
        return self.setup.pretrained.parameters > LARGE

    def _write(self, made: Path, whole: bool) -> Kept:
        """All files but the pictures, into an empty folder."""
        save_splits(_as_names(self.data), made)
        kept = save(
            self.model,
            made / "model",
            self.tokenizer,
            text_columns=self.data.text_columns,
            rule=self.rule,
            base=self.setup.pretrained if self._is_large and not whole else None,
        )
        columns = [each.name for each in fields(Record)]
        records = pd.DataFrame(map(asdict, self.history), columns=columns)
        records.to_csv(made / "history.csv", index=False)
        lines = json.dumps(self.metrics(), indent=2) + "\n"
        (made / "metrics.json").write_text(lines, encoding="utf-8")
        return kept


def check_folder(folder: Path | str, overwrite: bool = False) -> None:
    """Raise SpamftError if a run cannot be saved there: ask before any work.

    The folders above it are made.
    """
    check_place(folder)
    _check_content(Path(folder), overwrite)


def _check_content(folder: Path, overwrite: bool) -> None:
    there = [name for name in RESULTS if (folder / name).exists()]
    if there and not overwrite:
        raise SpamftError(
            f"{folder} already holds a run or files with its names ({there[0]}): "
            "choose another folder or overwrite"
        )
    model = folder / "model"
    if model.exists() and not (model / "classifier.json").exists():
        raise SpamftError(
            f"{model} was not written by spamft: choose another output folder"
        )


def report_dict(report: Report, names: Iterable[str]) -> dict:
    """A Report as JSON, its classes by name.

    Of few classes it has the confusion matrix, of many its `cells` that are not 0:
    places of the true and the predicted class among `classes`, and examples.
    """
    entries = asdict(report)
    classes, cells = entries.pop("classes"), entries.pop("cells")
    few = len(classes) <= FEW_CLASSES
    return (
        entries
        | ({"confusion": report.confusion} if few else {"cells": cells})
        | {
            "examples": report.examples,
            "classes": dict(zip(names, classes, strict=True)),
        }
    )


def _data_facts(data: PreparedData) -> dict:
    counts = data.df["Label"].value_counts()
    return {
        "source": data.source,
        "rows": len(data.df),
        "classes": {name: int(counts[name]) for name in data.names},
        "balanced": data.balanced,
        "notes": list(data.notes),
        "lecture": data.lecture,
        "split_seed": data.seed,
        "parts": dict(zip(Splits._fields, map(len, data.splits), strict=True)),
    }


def _model_facts(run: Run) -> dict:
    trainable = what_trains(run.model)
    return {
        "name": run.setup.pretrained.name,
        "source": run.setup.pretrained.source,
        "gpt": asdict(run.model.gpt.config),
        "tokenizer": Path(run.tokenizer.name).name,  # a file's name has its folder
        "pooling": run.model.pooling,
        "max_length": run.model.max_length,
        "parameters": trainable.total,
        "trained_parameters": trainable.trained,
        "trained_parts": list(trainable.parts),
        "device": run.setup.device.type,
        "precision": precision_of(run.model.gpt)._asdict(),
        "versions": {
            "spamft": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _recipe_facts(run: Run) -> dict:
    last, config = run.history[-1] if run.history else None, asdict(run.setup.config)
    return {name: config[name] for name in run.setup.method.settings} | {
        "lecture": run.setup.lecture,
        "seed": run.setup.seed,
        "steps": last.step if last else 0,
        "epochs_done": last.epoch if last else 0.0,
    }


def _trunk_facts(trunk: TrunkPlan | None) -> dict | None:
    """What ran once, and how fast; None where nothing did."""
    if trunk is None:
        return None
    return asdict(trunk) | {
        "padding": 1 - trunk.tokens / trunk.padded,
        "gflops_per_second": trunk.gflops_per_second,
    }


def _as_names(data: PreparedData) -> Splits:
    """The parts with names for labels; with class ids, if the lecture's are wanted.

    Ids could be mistaken for names that are numbers.
    """
    if data.lecture and not all(name.isdecimal() for name in data.names):
        return data.splits
    named = dict(enumerate(data.names))
    return Splits(*(p.assign(Label=p["Label"].map(named)) for p in data.splits))
