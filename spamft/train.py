"""Batches + model -> a finetuned model and its history.

Nothing here knows about spam or GPT: a batch is a tuple of what the model takes
and, last, the labels; the model gives (B, K) logits for (B,) labels, or (B, T, K) for
(B, T). A label that is IGNORED is not asked for: so instructions train with the same
loop, their prompts masked.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from spamft.evaluate import IGNORED, count_sums, measure

__all__ = ["Record", "TrainConfig", "fit"]


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Data and model have their own knobs elsewhere."""

    epochs: int = 5
    lr: float = 5e-5  # AdamW's, at its peak
    weight_decay: float = 0.1
    warmup_steps: int | None = None  # then a cosine to 0; None keeps lr constant
    clip_norm: float | None = None  # longest gradient allowed
    accumulate: int = 1  # batches per optimizer step
    class_weights: tuple[float, ...] | None = None  # of the loss, by class id
    eval_every: int | None = None  # optimizer steps between records; None: an epoch
    patience: int | None = None  # records without a better validation loss, then stop
    bf16: bool = False  # bfloat16 arithmetic, float32 weights

    def __post_init__(self):
        for name in ("epochs", "accumulate", "eval_every", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value} must be at least 1")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"lr={self.lr} must be a positive number")
        if self.weight_decay < 0 or (self.warmup_steps or 0) < 0:
            raise ValueError("weight_decay and warmup_steps must not be negative")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ValueError(f"clip_norm={self.clip_norm} must be positive")


@dataclass(frozen=True)
class Record:
    """One line of the training log; train figures are means since the line before."""

    epoch: float  # passes over the training data so far
    step: int  # optimizer steps so far
    examples: int  # seen so far, repeats included
    lr: float  # of the last step
    train_loss: float  # nats per example
    train_accuracy: float  # 0..1, in training mode and while the weights moved
    validation_loss: float  # nats per example
    validation_accuracy: float  # 0..1

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch:.2f}  step {self.step:4d}"
            f"  train loss {self.train_loss:.3f} accuracy {self.train_accuracy:.1%}"
            f"  validation loss {self.validation_loss:.3f}"
            f" accuracy {self.validation_accuracy:.1%}"
        )


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    validation_loader: Iterable,
    config: TrainConfig,
    log: Callable[[Record], None] | None = None,
) -> list[Record]:
    """Train the parameters that require grad; return all Records, as given to `log`.

    With `patience` the weights of the best record are put back at the end. Ctrl-C
    ends it early, with the history so far. Evaluating `validation_loader` never
    changes the training. Raises FloatingPointError, with step and learning rate, at
    the first record after a loss that is not finite.
    """
    trainable = _trainable(model, config)
    device = trainable[0].device
    optimizer = torch.optim.AdamW(
        trainable,
        lr=config.lr,
        weight_decay=config.weight_decay,
        fused=device.type in ("cpu", "cuda"),  # the same steps in a quarter of the time
    )
    weights = torch.tensor(
        config.class_weights or [], dtype=torch.float32, device=device
    )
    steps_per_epoch = math.ceil(len(train_loader) / config.accumulate)
    if not steps_per_epoch:
        raise ValueError("nothing to train on: the loader has no batch")
    last_step = config.epochs * steps_per_epoch
    eval_every = config.eval_every or steps_per_epoch
    best = _Best(trainable, config.patience)
    tally, history, step = _Tally(), [], 0
    was_training = model.training
    model.train()
    try:
        for _ in range(config.epochs):
            for window in _windows(train_loader, config.accumulate, device):
                step += 1
                lr = _set_rate(optimizer, config, step, last_step)
                optimizer.zero_grad()
                tally.add(lr, *_backward(model, window, weights, config.bf16))
                if config.clip_norm is not None:
                    nn.utils.clip_grad_norm_(trainable, config.clip_norm)
                optimizer.step()
                if step % eval_every == 0 or step == last_step:
                    record = Record(
                        step / steps_per_epoch,
                        step,
                        tally.examples,
                        lr,
                        *tally.close(step),
                        *_validate(model, validation_loader, step, lr),
                    )
                    history.append(record)
                    if log:
                        log(record)
                    if best.is_past(record.validation_loss):
                        return history
    except KeyboardInterrupt:
        pass  # the learner has seen enough: what was learned so far is kept
    finally:
        best.restore()
        model.train(was_training)
    return history


def _trainable(model: nn.Module, config: TrainConfig) -> list[nn.Parameter]:
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise ValueError("nothing trains: every parameter of the model is frozen")
    if (
        config.bf16
        and trainable[0].is_cuda
        and not torch.cuda.is_bf16_supported(including_emulation=False)
    ):
        raise ValueError("this GPU has no bfloat16: train with bf16=False")
    return trainable


def _validate(
    model: nn.Module, loader: Iterable, step: int, lr: float
) -> tuple[float, float]:
    """(loss, accuracy), and leave the random numbers that training will draw alone."""
    try:
        with torch.random.fork_rng(devices=[]):  # any DataLoader draws a seed
            return measure(model, loader)
    except FloatingPointError as error:
        raise FloatingPointError(_not_finite("validation loss", step, lr)) from error


def _not_finite(what: str, step: int, lr: float) -> str:
    return (
        f"the {what} is not finite at step {step} with learning rate {lr:g}: try a "
        "smaller one"
    )


def _windows(
    loader: Iterable, size: int, device: torch.device
) -> Iterator[list[list[Tensor]]]:
    """The batches that share an optimizer step, `size` at a time, on the device."""
    batches = iter(loader)
    while window := list(islice(batches, size)):
        yield [[t.to(device, non_blocking=True) for t in batch] for batch in window]


def _backward(
    model: nn.Module, window: list[list[Tensor]], weights: Tensor, bf16: bool
) -> tuple[Tensor, Tensor, int, int]:
    """Add up the gradients of a window as if it were one big batch.

    Each batch brings its sum, divided by what the whole window weighs: a mean of the
    batches' means would overrate a smaller last one. Returns the loss and how many
    answers were right (both stay on the device), labels asked for, and examples.
    """
    chosen = weights if len(weights) else None
    labels = torch.cat([batch[-1].flatten() for batch in window])
    labels = labels[labels != IGNORED]
    total = len(labels)
    if chosen is not None:  # a wrong number of weights is count_sums's to report
        total = weights[labels.clamp(max=len(weights) - 1)].sum()
    loss = torch.zeros((), device=labels.device)
    correct = torch.zeros((), dtype=torch.long, device=labels.device)
    for *inputs, wanted in window:
        with torch.autocast(labels.device.type, torch.bfloat16, enabled=bf16):
            logits = model(*inputs).float()
        sums = count_sums(logits, wanted, chosen)
        part = sums.loss / total
        part.backward()
        loss += part.detach()
        correct += sums.correct
    return loss, correct, len(labels), sum(len(batch[-1]) for batch in window)


def _set_rate(
    optimizer: torch.optim.Optimizer, config: TrainConfig, step: int, last_step: int
) -> float:
    """Set the learning rate of `step` (from 1), and return it."""
    lr = config.lr
    if config.warmup_steps is not None:
        if step <= config.warmup_steps:
            lr *= step / config.warmup_steps
        else:
            span = max(1, last_step - config.warmup_steps)
            lr *= (1 + math.cos(math.pi * (step - 1 - config.warmup_steps) / span)) / 2
    for group in optimizer.param_groups:
        group["lr"] = lr
    return lr


class _Tally:
    """What happened since the last record. Tensors wait for `close`: reading one
    at every step would make a GPU wait for the CPU."""

    def __init__(self):
        self.examples = 0
        self.rates, self.losses, self.corrects, self.counts = [], [], [], []

    def add(
        self, lr: float, loss: Tensor, correct: Tensor, count: int, examples: int
    ) -> None:
        self.rates.append(lr)
        self.losses.append(loss)
        self.corrects.append(correct)
        self.counts.append(count)
        self.examples += examples

    def close(self, step: int) -> tuple[float, float]:
        """(mean loss, accuracy) since the last call; `step` is the last one added."""
        losses = torch.stack(self.losses).tolist()
        for back, loss in enumerate(reversed(losses)):
            if not math.isfinite(loss) and all(map(math.isfinite, losses[: -back - 1])):
                lr = self.rates[-back - 1]
                raise FloatingPointError(_not_finite("loss", step - back, lr))
        count = sum(self.counts)
        mean = sum(x * n for x, n in zip(losses, self.counts, strict=True)) / count
        accuracy = torch.stack(self.corrects).sum().item() / count
        self.rates, self.losses, self.corrects, self.counts = [], [], [], []
        return mean, accuracy


class _Best:
    """Keeps a copy of the best weights, if early stopping was asked for."""

    def __init__(self, parameters: list[nn.Parameter], patience: int | None):
        self.parameters, self.patience = parameters, patience
        self.loss, self.waited, self.copies = math.inf, 0, None

    def is_past(self, loss: float) -> bool:
        """Note a validation loss; True when `patience` of them were no better."""
        if self.patience is None:
            return False
        if loss < self.loss:
            self.loss, self.waited = loss, 0
            self.copies = [p.detach().clone() for p in self.parameters]
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self) -> None:
        if self.copies is not None:
            with torch.no_grad():
                for parameter, copy in zip(self.parameters, self.copies, strict=True):
                    parameter.copy_(copy)
