"""A run's folder -> all that an export tells of it and is checked with."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from spamft.classifier import GPTClassifier
from spamft.data import load_splits
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_json
from spamft.use.predict import dataset_for, predict_in_order
from spamft.use.saved import Saved, load

__all__ = ["Finished", "open_finished"]

METRICS = "metrics.json"


class Finished(NamedTuple):
    """A finished run, opened again."""

    folder: Path
    saved: Saved
    metrics: dict  # what metrics.json holds
    texts: tuple[str, ...]  # of all three parts
    test: tuple[str, ...]  # of the test part
    labels: Tensor  # (N,) true class ids of the test part
    logits: Tensor  # (N, K) of the test part, as trained

    @property
    def model(self) -> GPTClassifier:
        return self.saved.model

    @property
    def probabilities(self) -> Tensor:
        """(N, K) calibrated ones of the test part."""
        return self.saved.rule.probabilities(self.logits)


def open_finished(folder: Path | str, *, base: Path | str | None = None) -> Finished:
    """Open what `Run.save` wrote; `base` as in `load`.

    Raises SpamftError for a folder without a run, and for a model without a class head.
    """
    folder = Path(folder)
    if folder.is_dir() and not (folder / METRICS).is_file():
        raise SpamftError(
            f"{folder} holds no {METRICS}: give the folder that finetune wrote"
        )
    saved = load(folder, base=base, precision="float32")  # as it is written
    if not isinstance(saved.model, GPTClassifier):
        raise SpamftError(
            f"{folder} answers instructions in words and has no class head to export: "
            "finetune by another method, such as --method last_block or lora-16"
        )
    parts, names = load_splits(folder), saved.model.label_names
    # names, or of the lecture's rows class ids
    labels = [
        names.index(str(k)) if str(k) in names else k for k in parts.test["Label"]
    ]
    df = parts.test.assign(Label=labels)
    return Finished(
        folder,
        saved,
        read_json(folder / METRICS),
        tuple(text for part in parts for text in part["Text"]),
        tuple(df["Text"]),
        torch.tensor(labels),
        predict_in_order(saved.model, dataset_for(saved.model, df, saved.tokenizer)),
    )
