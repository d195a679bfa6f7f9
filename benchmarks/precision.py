"""Frozen products in bfloat16 and int8: what they save, and what they change.

    drift     how far the hidden states of test messages move from those of float32, in
              units of the median distance between two messages
    time      the trunk pass, or with --method lora-16 ten steps, in seconds
    losses    the first 50 losses beside those of float32, same weights and batches
    accuracy  on the test part over seeds, each with a split of its own, and how many
              test messages are predicted otherwise than in float32; beside it, how many
              another order of batches (seed + 1000, float32, same split) changes

--model gpt2-shape has random weights of GPT-2's shape: good for time alone. All parts
can be run alone, and the seeds one by one.

    python benchmarks/precision.py --model tiny --data sample --seeds 1 2 3
    python benchmarks/precision.py --model smollm2 --data intents --parts accuracy
    python benchmarks/precision.py --model gpt2-shape --data sms+spam+collection.zip \
        --parts time losses --messages 200
"""

import argparse
import math
import statistics
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from few import paired, spread
from job import largest
from setting import GPT2, Clock, finish, table

import spamft.models.precision
from spamft.batches import encode_splits, make_loader
from spamft.data import Splits
from spamft.experiments.finetune import decide_config, finetune
from spamft.gpt import GPT
from spamft.methods.heads import sharing_copy
from spamft.methods.method import METHODS
from spamft.methods.task import Lessons, Task
from spamft.models.attention import run_blocks
from spamft.models.backbone import Backbone
from spamft.models.precision import lower_precision, precision_named
from spamft.sources import open_model, open_splits
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData
from spamft.tokenizer import load_tokenizer
from spamft.train import TrainConfig, train

PARTS = ("drift", "time", "losses", "accuracy")
DEPTH = 0.6  # of the blocks, where method features reads
LOSSES, TIMED = 50, 10  # steps
OTHER_ORDER = 1000  # added to the seed


def main() -> None:
    args = _arguments()
    for name in args.precisions:
        precision_named(name, torch.device("cpu"))
    model = _open(args.model)
    numbers = {"model": model.name, "data": args.data, "method": args.method}
    data = _messages(args, seed=123)
    precisions = ["float32", *args.precisions]
    if args.outliers is not None:
        spamft.models.precision.OUTLIERS = args.outliers
    if "drift" in args.parts:
        numbers["drift"] = _drift(model, data, args.precisions)
    if "time" in args.parts:
        numbers["time"] = {p: _time(model, data, args.method, p) for p in precisions}
    if "losses" in args.parts:
        losses = {p: _losses(model, data, args.method, p) for p in precisions}
        numbers["losses"] = losses
    if "accuracy" in args.parts:
        numbers["accuracy"] = [_seed(args, model, seed) for seed in args.seeds]
    finish(args, numbers, _show)


def _arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--data", default="sample", help="as --data of finetune")
    made.add_argument("--model", default="tiny", help="gpt2-shape, or as in finetune")
    made.add_argument("--method", default="last_block", choices=METHODS)
    made.add_argument("--precisions", nargs="+", default=["bf16", "int8"])
    made.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    made.add_argument("--seeds", nargs="+", type=int, default=list(range(1, 11)))
    made.add_argument("--messages", type=int, help="the first of each part")
    made.add_argument("--outliers", type=int, help="channels that int8 leaves alone")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    return made.parse_args()


def _messages(args: argparse.Namespace, seed: int) -> PreparedData:
    data = open_splits(args.data, seed=seed)
    return data._replace(splits=Splits(*(p[: args.messages] for p in data.splits)))


def _open(name: str) -> Pretrained:
    if name == "gpt2-shape":
        gpt = GPT(GPT2, seed=1).eval()
        return Pretrained(gpt, load_tokenizer("gpt2"), name, "random weights")
    return open_model(name)


@torch.no_grad()
def _drift(model: Pretrained, data: PreparedData, precisions: list[str]) -> dict:
    """For each precision the mean and the largest drift, by what is read."""
    ids = [model.tokenizer.encode_ordinary(t)[:60] for t in data.splits.test["Text"]]
    exact, drifts = _states(model.gpt, ids), {}
    units = {name: torch.pdist(states).median() for name, states in exact.items()}
    for precision in precisions:
        gpt = sharing_copy(model.gpt)
        lower_precision(gpt, precision)
        drifts[precision] = {}
        for name, states in _states(gpt, ids).items():
            moved = (states - exact[name]).norm(dim=1) / units[name]
            drifts[precision][name] = [moved.mean().item(), moved.max().item()]
    return drifts


def _states(gpt: Backbone, ids: list[list[int]]) -> dict[str, torch.Tensor]:
    """(N, C) each: the mean over the tokens, low in the model, and its last token."""
    low, last, cut = [], [], math.ceil(DEPTH * len(gpt.blocks))
    for each in filter(None, ids):
        x = run_blocks(gpt.blocks[:cut], gpt.embed(torch.tensor([each])), None)
        low.append(x[0].mean(0))
        x = run_blocks(gpt.blocks[cut:], x, None)
        last.append(gpt.final_norm(x[0, -1]))
    return {
        f"mean of the tokens after block {cut}": torch.stack(low),
        "last token": torch.stack(last),
    }


def _lessons(
    model: Pretrained, data: PreparedData, method: str, precision: str
) -> tuple[Lessons, TrainConfig]:
    """What `finetune` trains, with the trunk's pass behind it."""
    gpt, tokenizer, *_ = model
    encoded = encode_splits(data.splits, tokenizer, gpt.config.context_length)
    longest = encoded.train.max_length
    task = Task(data.names, longest, None, data.splits, encoded, tokenizer)
    classifier = METHODS[method].attach(gpt, task, 1)
    lower_precision(classifier.gpt, precision)
    config = decide_config(None, METHODS[method], model, data)
    return METHODS[method].encode(classifier, task), config


def _steps(lessons: Lessons, config: TrainConfig) -> Iterator[float]:
    """The loss of each step of the first epoch."""
    batches = make_loader(lessons.train, config.batch_size, shuffle=True, seed=1)
    one = make_loader(lessons.validation, 1, batches=1)
    settings = TrainConfig(epochs=1, lr=config.lr, eval_every=1)
    return (r.train_loss for r in train(lessons.learner, batches, one, settings))


def _time(model: Pretrained, data: PreparedData, method: str, precision: str) -> dict:
    """Seconds on the clock, and of this process: on a busy machine they differ."""
    began = time.process_time()
    lessons, config = _lessons(model, data, method, precision)
    if plan := getattr(lessons.learner, "plan", None):
        busy = time.process_time() - began
        return {"seconds": plan.seconds, "cpu": busy, "tokens": plan.tokens}
    steps = _steps(lessons, config)
    next(steps)  # sets things up
    began = time.process_time()
    with Clock() as clock:
        count = len(list(islice(steps, TIMED)))
    return {
        "seconds": clock.seconds,
        "cpu": time.process_time() - began,
        "steps": count,
    }


def _losses(
    model: Pretrained, data: PreparedData, method: str, precision: str
) -> list[float]:
    return list(islice(_steps(*_lessons(model, data, method, precision)), LOSSES))


def _seed(args: argparse.Namespace, model: Pretrained, seed: int) -> dict:
    """Test accuracy by precision, and shares of test verdicts that differ."""
    data = _messages(args, seed)

    def predicted(precision: str, order: int) -> torch.Tensor:
        options = {"precision": precision, "seed": order, "device": "cpu"}
        run = finetune(data, model, args.method, **options)
        return run.logits["test"].argmax(-1)

    labels = torch.tensor(data.splits.test["Label"].tolist())
    found = {p: predicted(p, seed) for p in ("float32", *args.precisions)}
    found["another order"] = predicted("float32", seed + OTHER_ORDER)
    exact = found["float32"]
    numbers = {
        name: {
            "accuracy": (verdicts == labels).float().mean().item(),
            "flipped": (verdicts != exact).float().mean().item(),
        }
        for name, verdicts in found.items()
    }
    return {"seed": seed, "messages": len(labels)} | numbers


def _show(numbers: dict) -> str:
    head = f"{numbers['model']}, {numbers['data']}, {numbers['method']}"
    tables = [_drift_table, _time_table, _losses_table, _accuracy_table]
    shown = [
        make(numbers[part])
        for part, make in zip(PARTS, tables, strict=True)
        if part in numbers
    ]
    return "\n\n".join([head, *shown])


def _drift_table(drifts: dict) -> str:
    read = list(next(iter(drifts.values())))
    rows = [
        [precision, *(f"{mean:.3f} ({most:.3f})" for mean, most in found.values())]
        for precision, found in drifts.items()
    ]
    return table(["mean (largest) drift", *read], rows)


def _time_table(times: dict) -> str:
    exact = times["float32"]
    rows = [
        [
            name,
            f"{each['seconds']:.1f}",
            f"{exact['seconds'] / each['seconds']:.1f} x",
            f"{each['cpu']:.1f}",
            f"{exact['cpu'] / each['cpu']:.1f} x",
        ]
        for name, each in times.items()
    ]
    what = "trunk pass" if "tokens" in exact else f"{exact['steps']} steps"
    return table([what, "seconds", "faster", "CPU seconds", "fewer"], rows)


def _losses_table(losses: dict) -> str:
    exact = losses["float32"]
    rows = [
        [name, f"{largest(each, exact):.2g}", f"{statistics.mean(each):.4f}"]
        for name, each in losses.items()
    ]
    first = f"first {len(exact)} losses"
    return table([first, "largest difference from float32", "mean"], rows)


def _accuracy_table(seeds: list[dict]) -> str:
    names = [name for name, found in seeds[0].items() if isinstance(found, dict)]
    accuracies = {n: [found[n]["accuracy"] for found in seeds] for n in names}
    rows = []
    for name in names:
        flipped = statistics.mean(found[name]["flipped"] for found in seeds)
        several = len(seeds) > 1
        exact, own = accuracies["float32"], accuracies[name]
        beside = paired(own, exact) if several and name != "float32" else "-"
        shown = spread(own) if several else f"{own[0]:.1%}"
        rows.append([name, shown, beside, f"{flipped:.2%}"])
    tests = seeds[0]["messages"]
    head = f"{len(seeds)} seeds, {tests:,} test messages each"
    return table([head, "accuracy", "less float32's (points)", "flipped"], rows)


if __name__ == "__main__":
    main()
