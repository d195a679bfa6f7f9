"""Compare all finetuning methods and baselines on the same messages.

Each method runs over several seeds, and is tested against the best baseline. If
interrupted, run the same command again to resume.
"""

import argparse
from pathlib import Path

from spamft.cli.console import on_terminal, say
from spamft.cli.options import DEVICE_HELP, FROZEN_HELP, add_data_options, open_data
from spamft.plumbing.errors import SpamftError

__all__ = ["HELP", "add", "run"]

HELP = "compare all finetuning methods and baselines on the same messages"


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add = parser.add_argument
    add_data_options(parser)
    add("--model", default="auto", help="a pretrained GPT, as in finetune")
    add("--output", required=True, type=Path, metavar="DIR", help="for the tables")
    add("--seeds", type=int, default=5, metavar="N", help="runs per method (default 5)")
    add("--epochs", type=int, default=3, metavar="N", help="of training (default 3)")
    add(
        "--only",
        nargs="+",
        metavar="NAME",
        help="methods as finetune names them, or entries as the table does; name a "
        "baseline, too, such as 'TF-IDF + SVM', to test the others against it",
    )
    add("--device", default="auto", help=DEVICE_HELP)
    add("--precision", default="auto", metavar="NAME", help=FROZEN_HELP)


def run(args: argparse.Namespace) -> None:
    """Run what is missing, and print the tables."""
    from spamft.experiments.compare import ENTRIES, compare
    from spamft.methods.method import METHODS
    from spamft.sources import open_model

    names = [METHODS[n].name if n in METHODS else n for n in args.only or ENTRIES]
    for name in names:
        if name not in ENTRIES:
            known = ", ".join([*METHODS, *ENTRIES])
            raise SpamftError(f"unknown method {name!r}: choose from {known}")
    compare(
        open_data(args, progress=on_terminal()),
        open_model(args.model),
        args.output,
        entries={name: ENTRIES[name] for name in names},
        seeds=args.seeds,
        epochs=args.epochs,
        device=args.device,
        precision=args.precision,
        log=say,
    )
    say((args.output / "compare.md").read_text(encoding="utf-8"))
