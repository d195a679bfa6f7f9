"""Audit a file of labelled messages before training on it.

Duplicates, what would leak if it were balanced and cut 70 / 10 / 20 at random,
shortcuts, and labels that may be wrong.
"""

import argparse
import json
from pathlib import Path

from spamft.cli.console import emit
from spamft.cli.options import add_reading_options, layout_of, refuse_existing, rules_of
from spamft.plumbing.errors import SpamftError

__all__ = ["HELP", "add", "run"]

HELP = "audit a file before training: duplicates, leaks, shortcuts, doubtful labels"


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", help="as --data of finetune: a file")
    add("--json", action="store_true", help="print everything, as JSON")
    add(
        "--suspects",
        type=Path,
        metavar="CSV",
        help="for the rows whose label may be wrong: correct it there, and merge them "
        "with `labels --merge`",
    )
    add("--overwrite", action="store_true", help="replace the CSV of suspects")
    add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Print what the audit found."""
    from spamft.insight.audit import audit_file
    from spamft.insight.suspects import suspects_table
    from spamft.sources.mending import write_exactly

    if not args.file.is_file():
        raise SpamftError(f"no file {str(args.file)!r}")
    refuse_existing(args.suspects, args.overwrite)
    layout, rules = layout_of(args), rules_of(args)
    found = audit_file(args.file, layout=layout, rules=rules)
    if args.suspects:
        write_exactly(args.suspects, suspects_table(found.suspects))
    emit(json.dumps(found.to_dict(), indent=2) if args.json else found)
