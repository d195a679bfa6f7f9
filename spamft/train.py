"""Batches + model -> a finetuned model and its history.

    for record in train(model, loader, validation, config): ...

The loop is the caller's: printing, plotting, stopping (`break`), saving a checkpoint
are its body. Nothing here knows about spam or GPT: a batch is a tuple of what the model
takes and, last, the labels; the model gives (B, K) logits for (B,) labels, or (B, T, K)
for (B, T). Labels equal to IGNORED are skipped; that is how instruction tuning masks
the prompt and still uses this loop.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from spamft.evaluate import IGNORED, count_sums, measure
from spamft.plumbing.bookkeeping import Bookkeeping, not_finite
from spamft.plumbing.errors import NotFiniteError, SpamftError
from spamft.plumbing.options import option

__all__ = ["Record", "TrainConfig", "TrainState", "fit", "train"]


@dataclass(frozen=True)
class TrainConfig:
    """How to train. Data and model have their own settings elsewhere."""

    epochs: int = option(5, "passes over the training messages")
    lr: float = option(5e-5, "learning rate of AdamW, at its peak")
    batch_size: int = option(8, "messages per batch")  # for whoever makes the loader
    weight_decay: float = option(0.1, "weight decay of AdamW")
    warmup_steps: int | None = option(
        None, "steps in which the rate rises, then a cosine to 0; without it, constant"
    )
    clip_norm: float | None = option(None, "maximum norm of the gradient")
    accumulate: int = option(1, "batches per optimizer step")
    # of the loss, by class id; 1 on average over the messages keeps its size
    class_weights: tuple[float, ...] | None = None
    eval_every: int | None = option(
        None, "optimizer steps between evaluations; without it, once per epoch"
    )
    patience: int | None = option(
        None,
        "stop early, after this many evaluations without a better validation loss, and "
        "keep the best weights",
    )

    def __post_init__(self):
        for name in ("epochs", "batch_size", "accumulate", "eval_every", "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SpamftError(f"{name}={value} must be at least 1")
        if not 0 < self.lr < math.inf:
            raise SpamftError(f"lr={self.lr} must be a positive number")
        if self.weight_decay < 0 or (self.warmup_steps or 0) < 0:
            raise SpamftError("weight_decay and warmup_steps must not be negative")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise SpamftError(f"clip_norm={self.clip_norm} must be positive")


@dataclass(frozen=True)
class Record:
    """One line of the training log; its train metrics are means since the last one."""

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


class TrainState:
    """A training's progress: give one to `train`, call `snapshot()` at a record.

    `train` with `TrainState(snapshot)`, the same model, data and config, then takes the
    same steps as the uninterrupted training. Between records `train` calls `after_step`
    after each step: a snapshot can be taken there, too.
    """

    def __init__(
        self,
        snapshot: dict | None = None,
        after_step: Callable[[], None] = lambda: None,
    ):
        self.start, self.after_step = snapshot, after_step
        self.books: Bookkeeping | None = None

    def snapshot(self) -> dict:
        """Weights that train, optimizer, position and random generators, as a tree.

        For `plumbing.checkpoint.save_checkpoint`; it holds the tensors themselves, so
        write it before the training continues.
        """
        if self.books is None:
            raise SpamftError("no snapshot yet: call it inside the loop over train")
        return self.books.snapshot()

    @property
    def finished(self) -> bool:
        """Whether no step is left to do."""
        return self.books is not None and self.books.finished


def train(
    model: nn.Module,
    loader: DataLoader,
    validation: Iterable,
    config: TrainConfig,
    state: TrainState | None = None,
) -> Iterator[Record]:
    """Change `model`: train its parameters that require grad, one Record at a time.

    Leaving the loop early keeps the current weights or, with `patience`, restores the
    best. With `state` it can be resumed. Evaluating `validation` never changes the
    training. Raises SpamftError, with step and learning rate, at the first record after
    a loss that is not finite.
    """
    books = _open_books(model, loader, config, state)
    trainable = list(books.named.values())
    eval_every = config.eval_every or books.steps_per_epoch
    was_training = model.training
    model.train()
    try:
        for window in books.windows():
            lr = _set_rate(books.optimizer, config, books.step, books.last_step)
            books.optimizer.zero_grad()
            books.tally.add(lr, **_backward(model, window, config))
            if config.clip_norm is not None:
                nn.utils.clip_grad_norm_(trainable, config.clip_norm)
            books.optimizer.step()
            if books.step % eval_every == 0 or books.step == books.last_step:
                record = _record(books, model, validation, lr)
                books.best.note(record.validation_loss)
                yield record
                if books.best.are_past:
                    return
            elif state is not None:
                state.after_step()
    finally:
        books.best.restore()
        model.train(was_training)


def fit(
    model: nn.Module,
    loader: DataLoader,
    validation: Iterable,
    config: TrainConfig,
    log: Callable[[Record], None] | None = None,
) -> list[Record]:
    """Change `model`: `train` to the end; return all Records, as given to `log`."""
    history = []
    for record in train(model, loader, validation, config):
        history.append(record)
        if log:
            log(record)
    return history


def _backward(
    model: nn.Module, window: list[list[Tensor]], config: TrainConfig
) -> dict[str, Tensor | int]:
    """Add up the gradients of a window as if it were one big batch.

    Each batch contributes its sum, divided by the number of labels in the window: a
    mean of the batches' means would overrate a smaller last one. Class weights do not
    change what is divided by: PyTorch divides by those of the batch, and in a batch of
    one class, as messages of similar length often are, they then cancel out. Returns
    what `Tally.add` takes; all tensors stay on the device, none is asked of a value.
    """
    labels = torch.cat([batch[-1].flatten() for batch in window])
    weights = _class_weights(config.class_weights, labels.device)
    total = (labels != IGNORED).sum()
    loss = torch.zeros((), device=labels.device)
    correct = torch.zeros((), dtype=torch.long, device=labels.device)
    for *inputs, targets in window:
        sums = count_sums(model(*inputs).float(), targets, weights)
        part = sums.loss / total
        part.backward()
        loss += part.detach()
        correct += sums.correct
    examples = sum(len(batch[-1]) for batch in window)
    return {
        "loss": loss,
        "correct": correct,
        "count": total,
        "examples": examples,
    }


@cache  # one tensor for all steps: making one anew would make a GPU wait
def _class_weights(
    weights: tuple[float, ...] | None, device: torch.device
) -> Tensor | None:
    if weights is None:
        return None
    return torch.tensor(weights, dtype=torch.float32, device=device)


def _open_books(
    model: nn.Module, loader: DataLoader, config: TrainConfig, state: TrainState | None
) -> Bookkeeping:
    named = {n: p for n, p in model.named_parameters() if p.requires_grad}
    if not named:
        raise SpamftError("nothing trains: every parameter of the model is frozen")
    if not len(loader):
        raise SpamftError("nothing to train on: the loader has no batch")
    device = next(iter(named.values())).device
    optimizer = torch.optim.AdamW(
        named.values(),
        lr=config.lr,
        weight_decay=config.weight_decay,
        fused=device.type in ("cpu", "cuda"),  # the same steps in a quarter of the time
    )
    books = Bookkeeping(
        named,
        optimizer,
        loader,
        epochs=config.epochs,
        accumulate=config.accumulate,
        patience=config.patience,
    )
    if state is not None:
        if state.start is not None:
            books.resume(state.start)
        state.books = books
    return books


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


def _record(
    books: Bookkeeping, model: nn.Module, validation: Iterable, lr: float
) -> Record:
    train_loss, train_accuracy = books.tally.close(books.step)
    try:
        with torch.random.fork_rng(devices=[]):  # any DataLoader draws a seed
            loss, accuracy = measure(model, validation)
    except NotFiniteError as error:
        message = not_finite("validation loss", books.step, lr)
        raise NotFiniteError(message) from error
    return Record(
        epoch=books.step / books.steps_per_epoch,
        step=books.step,
        examples=books.tally.examples,
        lr=lr,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        validation_loss=loss,
        validation_accuracy=accuracy,
    )
