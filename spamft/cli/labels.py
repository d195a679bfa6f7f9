"""How many labels you need, which messages to label next, and putting labels back.

    spamft labels FILE                       the learning curve; --output DIR keeps it
    spamft labels FILE --unlabelled CSV --next 50 --output next.csv
    spamft labels FILE --merge CSV --output mended.csv

The second writes messages with an empty column Label: fill it in. The third takes that
file, or one of `audit --suspects`, and writes all messages with the new labels.
"""

import argparse
from pathlib import Path

from spamft.cli.console import emit, on_terminal, say
from spamft.cli.options import (
    DEVICE_HELP,
    FROZEN_HELP,
    add_reading_options,
    layout_of,
    refuse_existing,
    rules_of,
)
from spamft.plumbing.errors import SpamftError

__all__ = ["HELP", "add", "run"]

HELP = "how many labels you need, which messages to label next, and merging labels"


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add = parser.add_argument
    add("file", metavar="FILE", help="labelled messages, as --data of finetune")
    add("--no-balance", action="store_true", help="as in finetune: keep all rows")
    add("--model", default="auto", help="a pretrained GPT, as in finetune")
    add(
        "--method",
        default="features",
        metavar="KEY",
        help="as in finetune (default features, which takes seconds)",
    )
    add("--draws", type=int, default=5, metavar="N", help="sets per size (default 5)")
    add(
        "--unlabelled",
        type=Path,
        metavar="CSV",
        help="messages to choose from, in a column Text or the one that --text names",
    )
    add(
        "--next",
        type=int,
        default=50,
        metavar="N",
        help="how many of them to label next (default 50)",
    )
    add(
        "--merge",
        type=Path,
        metavar="CSV",
        help="labels that you gave: with a column Row they correct rows of FILE, "
        "without one they add messages",
    )
    add(
        "--output",
        type=Path,
        metavar="PATH",
        help="a folder for the curve, or else the CSV to write",
    )
    add("--overwrite", action="store_true", help="replace the CSV")
    add("--device", default="auto", help=DEVICE_HELP)
    add("--precision", default="auto", metavar="NAME", help=FROZEN_HELP)
    add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Do one of the three."""
    if args.unlabelled and args.merge:
        raise SpamftError("give --unlabelled or --merge, not both")
    if not (args.unlabelled or args.merge):
        _show_curves(args)
        return
    if args.output is None:
        option = "--unlabelled" if args.unlabelled else "--merge"
        raise SpamftError(f"{option} needs --output: the CSV to write")
    refuse_existing(args.output, args.overwrite)
    (_choose if args.unlabelled else _merge)(args)


def _show_curves(args: argparse.Namespace) -> None:
    from spamft.experiments.labels import learning_curves
    from spamft.methods.method import method_named
    from spamft.sources import open_model

    method_named(args.method)  # a wrong name is reported before any download
    found = learning_curves(
        _open(args),
        open_model(args.model),
        args.output,
        method=args.method,
        draws=args.draws,
        device=args.device,
        precision=args.precision,
        log=say,
    )
    emit(f"\n{found}")


def _choose(args: argparse.Namespace) -> None:
    import pandas as pd

    from spamft.experiments.unlabelled import next_to_label
    from spamft.reading.table import open_table
    from spamft.sources import open_model
    from spamft.sources.mending import write_exactly

    layout = layout_of(args)
    with open_table(args.unlabelled, layout, with_label=False) as table:
        chosen = next_to_label(
            _open(args),
            open_model(args.model),
            map(table.text, table.rows),
            args.next,
            method=args.method,
            device=args.device,
            precision=args.precision,
            log=say,
        )
    write_exactly(args.output, pd.DataFrame({"Label": "", "Text": chosen}))
    fewer = "" if len(chosen) == args.next else ", all that there are to label"
    say(f"{len(chosen):,} messages to label in {args.output}{fewer}")


def _merge(args: argparse.Namespace) -> None:
    from spamft.plumbing.display import naming
    from spamft.sources.mending import merge_labels, read_mended, write_exactly

    df, mended = _messages(args), read_mended(args.merge)
    with naming(args.merge):
        merged = merge_labels(df, mended)
    write_exactly(args.output, merged)
    changed = int((merged["Label"][: len(df)].to_numpy() != df["Label"]).sum())
    say(
        f"{len(merged):,} messages in {args.output}: {changed:,} labels corrected, "
        f"{len(merged) - len(df):,} messages added"
    )


def _messages(args: argparse.Namespace):
    from spamft.sources import open_messages

    layout = layout_of(args)
    return open_messages(args.file, layout=layout, progress=on_terminal()).df


def _open(args: argparse.Namespace):
    from spamft.sources import open_splits

    return open_splits(
        args.file,
        balanced=not args.no_balance,
        layout=layout_of(args),
        rules=rules_of(args),
        progress=on_terminal(),
    )
