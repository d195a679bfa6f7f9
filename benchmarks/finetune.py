"""The whole finetuning job at GPT-2's size, 5 epochs of the last block, four times.

(a) the book's loop, written plainly; (b) transformers' GPT2ForSequenceClassification
with dynamic padding; (c) spamft, last real token; (d) spamft in the lecture's mode.
All in one run, on the same messages; the weights are random, those of (a), (c) and (d)
the same. (a) and (b) are timed on some steps, after one that is not, and extrapolated,
or run to the end with --full. (a) evaluates as the lecture does: losses of 5 training
and 5 validation batches every 50 steps, accuracies of as many every epoch; (d) the
validation batches only, for it counts training loss and accuracy as it goes.

    python benchmarks/finetune.py --data sms+spam+collection.zip
"""

import argparse

from job import (
    EPOCHS,
    EVAL_BATCHES,
    EVAL_EVERY,
    all_epochs,
    first_losses,
    largest,
    loop_job,
    spamft_job,
    timed,
    train_only,
    transformers_job,
)
from setting import (
    GPT2,
    finish,
    gpt2_parser,
    lecture_datasets,
    model,
    table,
)
from torch import Tensor
from torch.nn import functional as F

from spamft.batches import Batch, make_loader
from spamft.data import Splits
from spamft.plumbing.machine import matrix_rate


def main() -> None:
    made = gpt2_parser(__doc__.split("\n")[0])
    made.add_argument("--messages", type=int, help="of each part, for a trial")
    made.add_argument("--precision", default="float32", help="of what (c) has frozen")
    args = timed(made, "(a) and (b)")
    padded, ragged = (
        lecture_datasets(args.data, fixed_width=fixed, most=args.messages)
        for fixed in (True, False)
    )
    rates = [matrix_rate()]
    ours = spamft_job(model(args.layers, precision=args.precision), ragged)
    rates.append(matrix_rate())
    lecture_mode = spamft_job(model(args.layers, "last"), padded)
    rates.append(matrix_rate())
    plain = _lecture(padded, args)
    theirs = _transformers(ragged, args)
    rates.append(matrix_rate())
    steps = args.steps
    differences = {
        "a_d": largest(
            plain["losses"], first_losses(model(args.layers, "last"), padded, steps)
        ),
        "c_uncached": largest(
            first_losses(model(args.layers), ragged, steps),
            first_losses(model(args.layers), ragged, steps, cached=False),
        ),
    }
    finish(
        args,
        {
            "precision": args.precision,
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


def _lecture(encoded: Splits, args: argparse.Namespace) -> dict:
    """Every message padded, every block at every step, the last column read."""
    classifier = model(args.layers, "last")
    training = all_epochs(make_loader(encoded.train, 8, shuffle=True, drop_last=True))
    batches = training[: len(training) // EPOCHS]
    validation, test = (list(make_loader(part, 8)) for part in encoded[1:])
    few = batches[:EVAL_BATCHES] + validation[:EVAL_BATCHES]
    evaluations = few * (len(training) // EVAL_EVERY + EPOCHS)  # losses, accuracies
    evaluations += [*batches, *validation, *test]

    def loss_of(batch: Batch) -> Tensor:
        return F.cross_entropy(classifier(batch.ids), batch.labels)

    return loop_job(args, classifier, loss_of, training, evaluations)


def _transformers(encoded: Splits, args: argparse.Namespace) -> dict:
    """Their classifier: padded to the longest of a batch, all blocks every step."""
    from transformers import GPT2Config, GPT2ForSequenceClassification

    dropouts = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
    config = GPT2Config(
        n_layer=args.layers,
        pad_token_id=GPT2.vocab_size - 1,
        num_labels=2,
        **dropouts,
    )
    classifier = GPT2ForSequenceClassification(config)
    gpt = classifier.transformer
    train_only(classifier, gpt.h[-1], gpt.ln_f, classifier.score)
    return transformers_job(classifier, encoded, args)


def _show(n: dict) -> str:
    a, b = n["a_lecture"]["seconds"], n["b_transformers"]["seconds"]
    names = {
        "a_lecture": "(a) the book's loop",
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
