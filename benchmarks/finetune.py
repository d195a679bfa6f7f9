"""The whole finetuning job at GPT-2's size, 5 epochs of the last block, four times.

(a) the lecture's loop, written plainly; (b) transformers' GPT2ForSequenceClassification
with dynamic padding; (c) spamft, last real token; (d) spamft in the lecture's mode.
All in one run, on the same messages; the weights are random, those of (a), (c) and (d)
the same. (a) and (b) are timed on some steps, after one that is not, and extrapolated,
or run to the end with --full. (a) evaluates as the lecture does: losses of 5 training
and 5 validation batches every 50 steps, accuracies of as many every epoch; (d) the
validation batches only, for it counts training loss and accuracy as it goes.

    python benchmarks/finetune.py --data sms+spam+collection.zip
"""

import argparse
from collections.abc import Iterable
from itertools import islice

import torch
from setting import (
    GPT2,
    Clock,
    datasets,
    finish,
    lecture_splits,
    matrix_rate,
    model,
    parser,
    table,
)
from torch.nn import functional as F

from spamft.batches import make_bucketed_loader, make_loader
from spamft.data import Splits
from spamft.evaluate import evaluate
from spamft.train import TrainConfig, fit, train
from spamft.trunk import cache_trunk

EPOCHS, EVAL_EVERY, EVAL_BATCHES = 5, 50, 5


def main() -> None:
    args = _arguments()
    splits = lecture_splits(args.data)
    padded, ragged = (datasets(splits, fixed_width=x) for x in (True, False))
    rates = [matrix_rate()]
    ours = _spamft(ragged, lecture=False)
    rates.append(matrix_rate())
    lecture_mode = _spamft(padded, lecture=True)
    rates.append(matrix_rate())
    plain = _lecture(padded, args)
    theirs = _transformers(ragged, args)
    rates.append(matrix_rate())
    steps = args.steps
    differences = {
        "a_d": _largest(plain["losses"], _first_losses(padded, steps, cached=True)),
        "c_uncached": _largest(
            *(_first_losses(ragged, steps, cached=cached) for cached in (True, False))
        ),
    }
    finish(
        args,
        {
            "matrix_rate": sum(rates) / len(rates),
            "matrix_rates": rates,
            "a_lecture": plain,
            "b_transformers": theirs,
            "c_spamft": ours,
            "d_spamft_lecture_mode": lecture_mode,
            "largest_loss_differences": differences,
            "compared_steps": steps,
        },
        _show,
    )


def _arguments() -> argparse.Namespace:
    made = parser(__doc__.split("\n")[0])
    made.add_argument("--full", action="store_true", help="run (a) and (b) to the end")
    made.add_argument("--steps", type=int, default=24, help="to time, without --full")
    args = made.parse_args()
    if not 2 <= args.steps <= 120:  # within the first epoch
        made.error("--steps must lie in 2..120")
    return args


def _lecture(parts: list, args: argparse.Namespace) -> dict:
    """Every message padded, every block at every step, the last column read."""
    batches, validation, test = (
        make_loader(part, 8, shuffle=i == 0, drop_last=i == 0)
        for i, part in enumerate(parts)
    )
    classifier = model("last")
    optimizer = torch.optim.AdamW(
        [p for p in classifier.parameters() if p.requires_grad],
        lr=5e-5,
        weight_decay=0.1,
    )

    def logits_of(ids):
        return classifier.head(classifier.gpt.hidden(ids)[:, -1])

    def measure(loader: Iterable, count: int) -> None:
        """Loss or accuracy on the first batches, as the lecture's two functions do."""
        with torch.no_grad():
            for batch in islice(loader, count):
                F.cross_entropy(logits_of(batch.ids), batch.labels).item()

    first = next(iter(validation))  # the first step sets things up
    F.cross_entropy(logits_of(first.ids), first.labels).backward()
    losses, total = [], EPOCHS * len(batches)
    steps = total if args.full else args.steps
    with Clock() as training:
        for batch in islice(_forever(batches), steps):
            optimizer.zero_grad()
            loss = F.cross_entropy(logits_of(batch.ids), batch.labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    evaluations = (
        2 * EVAL_BATCHES * (total // EVAL_EVERY + EPOCHS)
    )  # losses, then accuracies
    final = len(batches) + len(validation) + len(test)
    measured = evaluations + final if args.full else min(args.steps, len(validation))
    with Clock() as measuring:
        measure(_forever(validation), measured)
    seconds = training.seconds * total / steps + measuring.seconds * (
        (evaluations + final) / measured
    )
    return {
        "seconds": seconds,
        "step": training.seconds / steps,
        "evaluation_batch": measuring.seconds / measured,
        "steps_timed": steps,
        "evaluation_batches": evaluations + final,
        "losses": losses,
    }


def _transformers(parts: list, args: argparse.Namespace) -> dict:
    """Their classifier: padded to the longest of a batch, all blocks every step."""
    from transformers import GPT2Config, GPT2ForSequenceClassification

    dropouts = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    config = GPT2Config(pad_token_id=GPT2.vocab_size - 1, num_labels=2, **dropouts)
    classifier = GPT2ForSequenceClassification(config)
    classifier.requires_grad_(False)
    for part in (
        classifier.transformer.h[-1],
        classifier.transformer.ln_f,
        classifier.score,
    ):
        part.requires_grad_(True)
    optimizer = torch.optim.AdamW(
        [p for p in classifier.parameters() if p.requires_grad],
        lr=5e-5,
        weight_decay=0.1,
        fused=True,  # as their Trainer does
    )

    def answer(batch):
        mask = torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
        return classifier(
            input_ids=batch.ids, attention_mask=mask.long(), labels=batch.labels
        )

    train_loader = make_loader(parts[0], 8, shuffle=True)
    everything = [make_loader(part, 8) for part in parts]
    total = EPOCHS * len(train_loader)
    batches = list(islice(_forever(train_loader), total))
    timed = batches if args.full else batches[: args.steps]
    classifier.train()
    answer(batches[-1]).loss.backward()  # the first step sets things up
    with Clock() as training:
        for batch in timed:
            optimizer.zero_grad()
            answer(batch).loss.backward()
            optimizer.step()
    # validation after every epoch, all three parts at the end
    evaluations = [b for b in everything[1] for _ in range(EPOCHS)]
    evaluations += [b for loader in everything for b in loader]
    measured = (
        evaluations if args.full else evaluations[:: len(evaluations) // args.steps]
    )
    classifier.eval()
    with Clock() as measuring, torch.no_grad():
        for batch in measured:
            answer(batch)
    seconds = training.seconds * _tokens(batches) / _tokens(timed)
    seconds += measuring.seconds * _tokens(evaluations) / _tokens(measured)
    return {
        "seconds": seconds,
        "step": training.seconds / len(timed),
        "steps_timed": len(timed),
    }


def _spamft(parts: Splits, *, lecture: bool) -> dict:
    """The trunk once, then 5 epochs of the rest, then all three parts; run in full."""
    classifier = model("last" if lecture else "last_real")
    config = TrainConfig(epochs=EPOCHS, eval_every=EVAL_EVERY if lecture else None)
    clocks = {name: Clock() for name in ("whole", "trunk", "train", "evaluate")}
    with clocks["whole"]:
        with clocks["trunk"]:
            learner, hidden = cache_trunk(classifier, parts)
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


def _first_losses(parts: Splits, steps: int, *, cached: bool) -> list[float]:
    """The losses of the first steps, on the cache or through the whole model."""
    lecture = parts.train.width is not None
    classifier = model("last" if lecture else "last_real")
    learner, dataset = classifier, parts.train
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


def _largest(first: list[float], second: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(first, second, strict=False))


def _forever(loader: Iterable) -> Iterable:
    while True:
        yield from loader


def _tokens(batches: list) -> int:
    return sum(batch.ids.numel() for batch in batches)


def _show(n: dict) -> str:
    a, b = n["a_lecture"]["seconds"], n["b_transformers"]["seconds"]
    names = {
        "a_lecture": "(a) the lecture's loop",
        "b_transformers": "(b) transformers, dynamic padding",
        "c_spamft": "(c) spamft, last real token",
        "d_spamft_lecture_mode": "(d) spamft, lecture mode",
    }
    rows = [
        [name, f"{n[k]['seconds']:,.0f}"]
        + [f"{x / n[k]['seconds']:.1f}" for x in (a, b)]
        for k, name in names.items()
    ]
    share = n["c_spamft"]["trunk_gflops"] / n["matrix_rate"]
    return "\n".join(
        [
            table(
                ["whole job", "seconds", "(a) takes x times", "(b) takes x times"], rows
            ),
            "",
            f"float32 matrix product {n['matrix_rate']:.0f} GFLOP/s, trunk pass of (c) "
            f"{n['c_spamft']['trunk_gflops']:.0f} GFLOP/s: {share:.0%}",
            f"largest difference of the losses in the first {n['compared_steps']} "
            f"steps: (a) and (d) {n['largest_loss_differences']['a_d']:.1e}, (c) with "
            f"and without the cache {n['largest_loss_differences']['c_uncached']:.1e}",
        ]
    )


if __name__ == "__main__":
    main()
