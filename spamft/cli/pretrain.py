"""Pretrain a small GPT and its vocabulary on texts, from random weights.

If interrupted, run the same command again to resume at the last checkpoint.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from spamft.cli.console import say
from spamft.cli.options import DEVICE_HELP, add_options, given, option

__all__ = ["HELP", "ShapeOptions", "add", "run"]

HELP = "pretrain a small GPT and its vocabulary on texts"


@dataclass(frozen=True)
class ShapeOptions:
    """The size of the GPT."""

    vocab_size: int = option(4096, "tokens in the vocabulary", "N")
    context: int = option(256, "tokens per window", "N")
    width: int = option(320, "channels per token", "N")
    layers: int = option(5, "blocks", "N")
    heads: int = option(5, "attention heads, must divide the width", "N")


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    from spamft.pretraining.config import PretrainConfig

    add = parser.add_argument
    add(
        "--texts",
        required=True,
        nargs="+",
        type=Path,
        metavar="FILE",
        help="UTF-8 text; end each document with a line <|endoftext|>; list a file "
        "twice to sample it twice as often",
    )
    add("--output", required=True, type=Path, metavar="DIR", help="for the model")
    add_options(parser, ShapeOptions)
    add_options(parser, PretrainConfig)
    add("--device", default="auto", help=DEVICE_HELP)
    add(
        "--licences",
        type=Path,
        metavar="FILE",
        help="Markdown for the model card, on where the texts come from",
    )


def run(args: argparse.Namespace) -> None:
    """Pretrain, with a line and a checkpoint now and then."""
    from spamft.gpt import GPTConfig
    from spamft.pretraining.config import PretrainConfig
    from spamft.pretraining.loop import pretrain

    shape = ShapeOptions(**given(args, ShapeOptions))
    pretrain(
        args.texts,
        args.output,
        PretrainConfig(**given(args, PretrainConfig)),
        GPTConfig(
            shape.vocab_size, shape.context, shape.width, shape.layers, shape.heads
        ),
        say,
        args.licences.read_text(encoding="utf-8") if args.licences else "",
        device=args.device,
    )
