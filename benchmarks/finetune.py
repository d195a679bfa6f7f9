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
from collections.abc import Callable

import torch
from setting import (
    GPT2,
    Clock,
    finish,
    lecture_datasets,
    matrix_rate,
    model,
    parser,
    table,
)
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from spamft.batches import Batch, make_bucketed_loader, make_loader
from spamft.data import Splits
from spamft.evaluate import evaluate
from spamft.train import TrainConfig, fit, train
from spamft.trunk import cache_trunk

EPOCHS, EVAL_EVERY, EVAL_BATCHES = 5, 50, 5


def main() -> None:
    args = _arguments()
    padded, ragged = (
        lecture_datasets(args.data, fixed_width=fixed) for fixed in (True, False)
    )
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


def _lecture(encoded: Splits, args: argparse.Namespace) -> dict:
    """Every message padded, every block at every step, the last column read."""
    classifier = model("last")
    training = _all_epochs(make_loader(encoded.train, 8, shuffle=True, drop_last=True))
    batches = training[: len(training) // EPOCHS]
    validation, test = (list(make_loader(part, 8)) for part in encoded[1:])
    few = batches[:EVAL_BATCHES] + validation[:EVAL_BATCHES]
    evaluations = few * (len(training) // EVAL_EVERY + EPOCHS)  # losses, accuracies
    evaluations += [*batches, *validation, *test]

    def loss_of(batch: Batch) -> Tensor:
        return F.cross_entropy(classifier(batch.ids), batch.labels)

    return _time(args, classifier, loss_of, training, evaluations)


def _transformers(encoded: Splits, args: argparse.Namespace) -> dict:
    """Their classifier: padded to the longest of a batch, all blocks every step."""
    from transformers import GPT2Config, GPT2ForSequenceClassification

    dropouts = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    config = GPT2Config(pad_token_id=GPT2.vocab_size - 1, num_labels=2, **dropouts)
    classifier = GPT2ForSequenceClassification(config)
    classifier.requires_grad_(False)
    gpt = classifier.transformer
    for part in (gpt.h[-1], gpt.ln_f, classifier.score):
        part.requires_grad_(True)

    def loss_of(batch: Batch) -> Tensor:
        mask = torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
        return classifier(
            input_ids=batch.ids, attention_mask=mask.long(), labels=batch.labels
        ).loss

    batches, validation, test = (list(make_loader(part, 8)) for part in encoded)
    # validation after every epoch, all three parts at the end
    evaluations = [*validation * EPOCHS, *batches, *validation, *test]
    training = _all_epochs(make_loader(encoded.train, 8, shuffle=True))
    # their Trainer's optimizer is fused
    return _time(args, classifier, loss_of, training, evaluations, fused=True)


def _all_epochs(loader: DataLoader) -> list[Batch]:
    return [batch for _ in range(EPOCHS) for batch in loader]


def _time(
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


def _spamft(encoded: Splits, *, lecture: bool) -> dict:
    """The trunk once, then 5 epochs of the rest, then all three parts; run in full."""
    classifier = model("last" if lecture else "last_real")
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


def _first_losses(encoded: Splits, steps: int, *, cached: bool) -> list[float]:
    """The losses of the first steps, on the cache or through the whole model."""
    lecture = encoded.train.width is not None
    classifier = model("last" if lecture else "last_real")
    learner, dataset = classifier, encoded.train
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


def _tokens(batches: list[Batch]) -> int:
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
