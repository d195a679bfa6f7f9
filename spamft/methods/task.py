"""What a method is given, and what it gives back to be trained and measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import tiktoken
from torch import nn
from torch.utils.data import Dataset

from spamft.data import Splits

__all__ = ["Lessons", "Task"]


@dataclass(frozen=True)
class Task:
    """Labelled messages to learn from.

    Only `label_names` and `max_length` are needed to attach a class head; the rest may
    be None, say to plan the memory of a training without any data.
    """

    label_names: tuple[str, ...]
    max_length: int  # most tokens of a message that are read
    pooling: str | None = None  # None leaves the choice to the method
    splits: Splits | None = None  # DataFrames with class ids
    encoded: Splits | None = None  # the same as TokenDatasets
    tokenizer: tiktoken.Encoding | None = None
    keep: Path | None = None  # a file for what is computed once, to resume from


class Lessons(NamedTuple):
    """A model and the data that it learns from, and how it is measured."""

    learner: nn.Module  # gives logits for the batches of `train` and `validation`
    train: Dataset
    validation: Dataset
    reader: nn.Module  # gives class logits for the batches of `parts`
    parts: Splits  # datasets of train, validation and test, with class ids
