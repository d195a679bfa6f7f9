"""The whole finetuning job, timed: 5 epochs, validation after each, then all parts.

spamft_job          the trunk once, on its cached outputs the rest
transformers_job    all blocks at every step
loop_job            any loop, run to the end or extrapolated from some of its steps
"""

import argparse
from collections.abc import Callable

import torch
from setting import Clock
from torch import Tensor, nn
from torch.utils.data import DataLoader

from spamft.batches import Batch, make_bucketed_loader, make_loader
from spamft.classifier import GPTClassifier
from spamft.data import Splits
from spamft.evaluate import evaluate
from spamft.train import TrainConfig, fit, train
from spamft.trunk import cache_trunk

__all__ = [
    "EPOCHS",
    "EVAL_BATCHES",
    "EVAL_EVERY",
    "all_epochs",
    "first_losses",
    "largest",
    "loop_job",
    "spamft_job",
    "timed",
    "train_only",
    "transformers_job",
]

# The last two are the lecture's: steps between its evaluations, batches of one
EPOCHS, EVAL_EVERY, EVAL_BATCHES = 5, 50, 5


def timed(made: argparse.ArgumentParser, slow: str) -> argparse.Namespace:
    """The arguments, with how much of the slow jobs is run."""
    made.add_argument("--full", action="store_true", help=f"run {slow} to the end")
    made.add_argument("--steps", type=int, default=24, help="to time, without --full")
    args = made.parse_args()
    if not 2 <= args.steps <= 120:  # within the first epoch
        made.error("--steps must lie in 2..120")
    return args


def all_epochs(loader: DataLoader) -> list[Batch]:
    return [batch for _ in range(EPOCHS) for batch in loader]


def spamft_job(classifier: GPTClassifier, encoded: Splits) -> dict:
    """Run in full. Padded to a fixed width, it evaluates as often as the lecture."""
    lecture = encoded.train.width is not None
    config = TrainConfig(epochs=EPOCHS, eval_every=EVAL_EVERY if lecture else None)
    clocks = {name: Clock() for name in ("whole", "trunk", "train", "evaluate")}
    with clocks["whole"]:
        with clocks["trunk"]:
            learner, hidden = cache_trunk(classifier, encoded)
        batches = make_loader(hidden.train, 8, shuffle=True, drop_last=lecture)
        whole = [make_bucketed_loader(part) for part in hidden]
        watched = whole[1]
        if lecture:
            watched = make_loader(hidden.validation, 8, batches=EVAL_BATCHES)
        with clocks["train"]:
            fit(learner, batches, watched, config)
        with clocks["evaluate"]:
            for loader in whole:
                evaluate(learner, loader)
    plan = learner.plan
    return {
        "seconds": clocks["whole"].seconds,
        "stages": {name: clock.seconds for name, clock in clocks.items()},
        "tokens": plan.tokens,
        "padding": 1 - plan.tokens / plan.padded,
        "trunk_gflops": plan.gflops_per_second,
    }


def first_losses(
    classifier: GPTClassifier, encoded: Splits, steps: int, *, cached: bool = True
) -> list[float]:
    """The losses of the first steps, on the cache or through the whole model."""
    learner, dataset = classifier, encoded.train
    lecture = dataset.width is not None
    if cached:
        learner, [dataset] = cache_trunk(classifier, [dataset])
    batches = make_loader(dataset, 8, shuffle=True, drop_last=lecture)
    one = make_loader(dataset, 1, batches=1)
    losses = []
    for record in train(learner, batches, one, TrainConfig(epochs=1, eval_every=1)):
        losses.append(record.train_loss)
        if record.step == steps:
            break
    return losses


def largest(first: list[float], second: list[float]) -> float:
    """The largest difference of two lists of losses, as far as the shorter goes."""
    return max(abs(a - b) for a, b in zip(first, second, strict=False))


def train_only(classifier: nn.Module, *parts: nn.Module) -> None:
    """Change `classifier`: freeze all but these parts of it."""
    classifier.requires_grad_(False)
    for part in parts:
        part.requires_grad_(True)


def transformers_job(
    classifier: nn.Module, encoded: Splits, args: argparse.Namespace
) -> dict:
    """A classifier of theirs, with dynamic padding."""

    def loss_of(batch: Batch) -> Tensor:
        mask = torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
        return classifier(
            input_ids=batch.ids, attention_mask=mask.long(), labels=batch.labels
        ).loss

    batches, validation, test = (list(make_loader(part, 8)) for part in encoded)
    # validation after every epoch, all three parts at the end
    evaluations = [*validation * EPOCHS, *batches, *validation, *test]
    training = all_epochs(make_loader(encoded.train, 8, shuffle=True))
    # their Trainer's optimizer is fused
    return loop_job(args, classifier, loss_of, training, evaluations, fused=True)


def loop_job(
    args: argparse.Namespace,
    classifier: nn.Module,
    loss_of: Callable[[Batch], Tensor],
    training: list[Batch],
    evaluations: list[Batch],
    **options: bool,
) -> dict:
    """Seconds of all batches: measured, or of some and extrapolated by tokens."""
    trainable = [p for p in classifier.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=5e-5, weight_decay=0.1, **options)
    steps = training if args.full else training[: args.steps]
    stride = 1 if args.full else len(evaluations) // args.steps
    some = evaluations[::stride]
    loss_of(training[-1]).backward()  # the first step sets things up
    with Clock() as train_clock:
        losses = _train(optimizer, loss_of, steps)
    classifier.eval()
    with Clock() as evaluate_clock, torch.no_grad():
        for batch in some:
            loss_of(batch).item()
    seconds = train_clock.seconds * _tokens(training) / _tokens(steps)
    seconds += evaluate_clock.seconds * _tokens(evaluations) / _tokens(some)
    return {
        "seconds": seconds,
        "step": train_clock.seconds / len(steps),
        "evaluation_batch": evaluate_clock.seconds / len(some),
        "steps_timed": len(steps),
        "evaluation_batches": len(evaluations),
        "losses": losses,
    }


def _train(
    optimizer: torch.optim.Optimizer,
    loss_of: Callable[[Batch], Tensor],
    batches: list[Batch],
) -> list[float]:
    losses = []
    for batch in batches:
        optimizer.zero_grad()
        loss = loss_of(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def _tokens(batches: list[Batch]) -> int:
    return sum(batch.ids.numel() for batch in batches)
