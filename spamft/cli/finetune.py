"""Finetune a GPT on labelled messages; save the classifier, its metrics and pictures.

examples:
  spamft finetune --output runs/first
      the real collection and GPT-2, or with no network the bundled ones
  spamft finetune --data uci --model gpt2 --output runs/gpt2
      download the SMS Spam Collection and GPT-2, train the last block
  spamft finetune --data uci --model gpt2 --lecture --output runs/lecture
      the same, exactly as in the lecture
  spamft finetune --method lora-16 --output runs/lora
      another method
  spamft finetune --data tickets.csv --text body --label team --output runs/tickets
      your own messages, with any number of classes
"""

import argparse
from dataclasses import dataclass, fields, replace
from pathlib import Path

from spamft.cli.console import on_terminal, say
from spamft.cli.options import (
    DEVICE_HELP,
    FROZEN_HELP,
    AlarmOptions,
    add_data_options,
    add_options,
    given,
    open_data,
    option,
)

__all__ = ["HELP", "FinetuneOptions", "add", "run"]

HELP = "finetune a GPT on labelled messages; save classifier, metrics and pictures"


@dataclass(frozen=True)
class FinetuneOptions:
    """What finetune is told besides data and training settings."""

    model: str = option(
        "auto",
        "gpt2, gpt2-medium, gpt2-large, gpt2-xl, smollm2 or smollm2-360m, downloaded; "
        "tiny, the bundled pretrained GPT; auto (default), the first of gpt2, smollm2 "
        "and tiny that can be had at once; gpt, the same without smollm2; scratch, a "
        "small GPT with random weights; or a folder with a model, or a .gguf file",
    )
    method: str | None = option(
        None,
        "how to finetune, see below (default last_block; features on a Llama, if no "
        "training setting is given)",
        "NAME",
    )
    pooling: str | None = option(
        None, "which tokens the head reads: last_real, last, first or mean", "NAME"
    )
    max_length: int | None = option(
        None, "most tokens per message (default the longest training message's)", "N"
    )
    attention: str = option(
        "causal",
        "causal: a token sees those before it (default), as GPT was pretrained; full: "
        "the whole message",
        "NAME",
    )
    robust: bool = option(
        False,
        "make it hard to fool: read look-alike letters as Latin ones, ignore what "
        "nobody sees, and learn edited copies of the training messages and, for ham "
        "and spam, genuine notices, too; needs pip install 'spamft[robust]'",
    )
    seed: int = option(123, "seed of new weights and of the order of batches", "N")
    device: str = option("auto", DEVICE_HELP)
    precision: str = option("auto", FROZEN_HELP, "NAME")


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    from spamft.methods.method import METHODS
    from spamft.train import TrainConfig

    add = parser.add_argument
    add("--output", required=True, type=Path, metavar="DIR", help="for the results")
    add("--overwrite", action="store_true", help="replace a run that DIR holds")
    add(
        "--whole",
        action="store_true",
        help="keep all weights of a large model, not only what training changed beside "
        "the name of its base",
    )
    add(
        "--resume",
        action="store_true",
        help="continue the same command where it was killed or interrupted",
    )
    add_data_options(parser)
    add_options(parser.add_argument_group("model and method"), FinetuneOptions)
    add_options(parser.add_argument_group("threshold"), AlarmOptions)
    settings = parser.add_argument_group("training settings (default the method's)")
    add_options(settings, TrainConfig, keep_defaults=False)
    parser.epilog = "methods:\n" + "\n".join(
        f"  {key:16s} {method.name}" for key, method in METHODS.items()
    )


def run(args: argparse.Namespace) -> None:
    """Finetune and save; nothing is saved if the training is interrupted."""
    from spamft.experiments.checkpoints import Checkpoints
    from spamft.experiments.finetune import finetune
    from spamft.experiments.run import check_folder
    from spamft.methods.method import method_named
    from spamft.models.attention import attention_named
    from spamft.plumbing.locks import only_one
    from spamft.train import TrainConfig

    settings = given(args, TrainConfig)
    replace(TrainConfig(), **settings)  # wrong ones are reported before any work
    attention_named(args.attention)
    if args.method:
        method_named(args.method)
    options = {f.name: getattr(args, f.name) for f in fields(FinetuneOptions)}
    check_folder(args.output, args.overwrite)
    with only_one(args.output):
        checkpoints = Checkpoints.beside(args.output, resume=args.resume)
        data = open_data(args, progress=on_terminal())
        finished = finetune(
            data,
            **options,
            **given(args, AlarmOptions),
            lecture=args.lecture,
            config=settings,
            checkpoints=checkpoints,
            log=say,
        )
        finished.save(args.output, whole=args.whole, overwrite=args.overwrite, log=say)
        checkpoints.remove()
