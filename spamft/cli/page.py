"""Write a finetuned classifier as one HTML page that runs in any browser.

The page needs no server, no network and nothing installed, and sends nothing anywhere.
It has the model in it: keep it to yourself if that was trained on secrets.
"""

import argparse
from pathlib import Path

from spamft.cli.console import say
from spamft.cli.options import refuse_existing
from spamft.plumbing.errors import SpamftError

__all__ = ["HELP", "add", "run"]

HELP = "write a finetuned classifier as one HTML page"


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add = parser.add_argument
    add("run_folder", type=Path, metavar="RUN", help="the folder that finetune wrote")
    add("output", type=Path, metavar="HTML", help="the page to write, say page.html")
    add("--overwrite", action="store_true", help="replace the page")
    add(
        "--base",
        metavar="PATH",
        help="where the model that was finetuned lies now, if it was moved",
    )


def run(args: argparse.Namespace) -> None:
    """Write the page, and tell its size and how exact it is."""
    from spamft.export.page import write_page

    if args.output.is_dir():
        raise SpamftError(f"{args.output} is a folder: name a file, say page.html")
    refuse_existing(args.output, args.overwrite)
    say(write_page(args.run_folder, args.output, base=args.base))
