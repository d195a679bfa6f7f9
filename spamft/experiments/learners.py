"""Train on some messages of the training part, and say which test messages are right.

learner_for(data, model, method)    a Learner; frozen features are computed once
baseline(data, name, ...)           the same of a model that counts words
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from torch import Tensor

from spamft.batches import encode_splits, make_loader
from spamft.data import Splits
from spamft.experiments.checkpoints import Checkpoints
from spamft.experiments.finetune import decide_config, finetune
from spamft.insight.baselines import BASELINES
from spamft.methods.features import regress
from spamft.methods.method import Method
from spamft.methods.task import Lessons, Task
from spamft.models.precision import lower_precision, precision_named
from spamft.plumbing.device import pick_device
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData
from spamft.train import TrainConfig
from spamft.trunk import HiddenDataset
from spamft.use.predict import predict_in_order

__all__ = ["FrozenFeatures", "Learner", "baseline", "learner_for"]

FEW_STEPS = 100  # of an optimizer, at the least: 5 epochs of 8 messages are 5 steps
LARGE_BATCH = 512  # of one vector per message

# (rows of the training part, seed, where the result will lie) -> for each test message
# 1 or 0: whether it is predicted right
Learner = Callable[[np.ndarray, int, Path | None], list[int]]


def learner_for(
    data: PreparedData,
    model: Pretrained,
    method: Method,
    device: str = "auto",
    keep: Path | None = None,
    precision: str = "auto",
) -> Learner:
    """How `method` learns from a part of the training messages.

    Frozen features stay in the file `keep`, for a process that resumes.
    """
    if method.learn is regress:
        return FrozenFeatures(data, model, method, device, keep, precision)
    return partial(_finetuned, data, model, method, device, precision)


class FrozenFeatures:
    """A method that trains nothing of the GPT: its features are computed once."""

    def __init__(
        self,
        data: PreparedData,
        model: Pretrained,
        method: Method,
        device: str = "auto",
        keep: Path | None = None,
        precision: str = "auto",
    ):
        self.data, self.model, self.method = data, model, method
        self.device, self.keep = pick_device(device), keep
        self.precision = precision_named(precision, self.device)
        self.config = decide_config(None, method, model, data)

    @cached_property
    def lessons(self) -> Lessons:
        """The features of all messages, and the head that reads them."""
        (gpt, tokenizer, *_), data = self.model, self.data
        encoded = encode_splits(data.splits, tokenizer, gpt.config.context_length)
        longest = encoded.train.max_length
        task = Task(
            data.names, longest, None, data.splits, encoded, tokenizer, self.keep
        )
        classifier = self.method.attach(gpt, task, 0).to(self.device)
        lower_precision(classifier.gpt, self.precision)
        return self.method.encode(classifier, task)

    def fit(self, rows: np.ndarray) -> None:
        """Fit the head to these rows of the training part."""
        learner, train, validation, *_ = self.lessons
        columns = (train.rows, train.real_lengths, train.labels)
        chosen = HiddenDataset(*([column[i] for i in rows] for column in columns))
        loaders = [make_loader(each, LARGE_BATCH) for each in (chosen, validation)]
        list(self.method.learn(learner, *loaders, self.config))

    def logits(self, part: str) -> Tensor:
        """(N, K) of the messages of train, validation or test."""
        return predict_in_order(
            self.lessons.reader, getattr(self.lessons.parts, part), LARGE_BATCH
        )

    def __call__(self, rows: np.ndarray, seed: int, path: Path | None) -> list[int]:
        self.fit(rows)
        return _right(self.data, self.logits("test").argmax(-1))


def baseline(
    data: PreparedData, name: str, rows: np.ndarray, seed: int, path: Path | None
) -> list[int]:
    """A Learner, once `data` and the name in BASELINES are given."""
    train, test = data.splits.train.iloc[rows], data.splits.test
    estimator = BASELINES[name]().fit(train["Text"].tolist(), train["Label"])
    return _right(data, estimator.predict(test["Text"].tolist()))


def _finetuned(
    data: PreparedData,
    model: Pretrained,
    method: Method,
    device: str,
    precision: str,
    rows: np.ndarray,
    seed: int,
    path: Path | None,
) -> list[int]:
    train = data.splits.train.iloc[rows].reset_index(drop=True)
    run = finetune(
        # one message to evaluate on: no choice is made by it
        data._replace(splits=Splits(train, train[:1], data.splits.test)),
        model,
        method,
        config=_few_config(method.recipe(model.gpt), len(rows)),
        seed=seed,
        device=device,
        precision=precision,
        checkpoints=Checkpoints.beside(path, resume=True) if path else None,
    )
    return _right(data, run.logits["test"].argmax(-1))


def _few_config(recipe: TrainConfig, labels: int) -> TrainConfig:
    """The recipe, with enough epochs for few labels, and evaluated only at the end."""
    epochs = max(recipe.epochs, -(-FEW_STEPS * recipe.batch_size // labels))
    warmup = recipe.warmup_steps and min(recipe.warmup_steps, FEW_STEPS // 10)
    return replace(recipe, epochs=epochs, warmup_steps=warmup, eval_every=10**9)


def _right(data: PreparedData, predicted: object) -> list[int]:
    labels = data.splits.test["Label"].to_numpy()
    return (np.asarray(predicted) == labels).astype(int).tolist()
