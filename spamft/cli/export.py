"""Take a finished run to other programs: transformers, PEFT or onnxruntime.

The folder holds the classifier, its tokenizer and a model card. It is opened with the
program that it is for, and compared with spamft, before it gets its name: if they do
not agree, nothing is written.

    spamft export runs/mine exported --to transformers
    spamft export runs/mine exported --to onnx --int8
"""

import argparse
import logging
from pathlib import Path

from spamft.cli.console import say
from spamft.plumbing.errors import SpamftError

__all__ = ["HELP", "add", "run"]

HELP = "take a finished run to transformers, PEFT or onnxruntime"
FORMATS = ("transformers", "onnx", "peft")


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add = parser.add_argument
    add("run_folder", type=Path, metavar="RUN", help="the folder that finetune wrote")
    add("folder", type=Path, metavar="FOLDER", help="for the exported model")
    add(
        "--to",
        required=True,
        choices=FORMATS,
        help="transformers: for its pipeline, LoRA merged; onnx: one graph, tokens in "
        "and calibrated probabilities out; peft: the adapter alone, of a run with LoRA "
        "that was saved beside its base",
    )
    add(
        "--int8",
        action="store_true",
        help="of onnx: weights in 8 bits, a quarter of the size; refused if more than "
        "0.5 %% of the verdicts on the test part change",
    )
    add(
        "--base",
        metavar="PATH",
        help="where the model that was finetuned lies now, if it was moved",
    )
    add("--overwrite", action="store_true", help="replace files of an earlier export")


def run(args: argparse.Namespace) -> None:
    """Write the folder, and print how far it agrees."""
    from spamft.export.finished import open_finished

    if args.int8 and args.to != "onnx":
        raise SpamftError("--int8 goes with --to onnx")
    _check_place(args.folder, args.run_folder, args.overwrite)
    finished = open_finished(args.run_folder, base=args.base)
    if args.to == "onnx":
        from spamft.export.to_onnx import export_onnx

        export_onnx(finished, args.folder, int8=args.int8, log=say)
        say(f"exported to {args.folder}")
        return
    _quieten()
    if args.to == "peft":
        from spamft.export.to_peft import export_peft

        export_peft(finished, args.folder, base=args.base, log=say)
    else:
        from spamft.export.to_transformers import export_transformers

        export_transformers(finished, args.folder, log=say)
    say(f"exported to {args.folder}")


def _check_place(folder: Path, run_folder: Path, overwrite: bool) -> None:
    """Raise SpamftError before any work if nothing may be written there."""
    from spamft.plumbing.files import check_place

    check_place(folder)
    inside = [folder.resolve(), *folder.resolve().parents]
    if run_folder.resolve() in inside[:1] or (run_folder / "model").resolve() in inside:
        raise SpamftError(f"{folder} belongs to the run: choose another folder")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise SpamftError(f"{folder} is not empty: choose another or --overwrite")


def _quieten() -> None:
    """Let transformers report errors only: its advice is for who wrote this."""
    from contextlib import suppress

    with suppress(ImportError):
        from transformers.utils import logging as theirs

        theirs.set_verbosity(logging.ERROR)
        theirs.disable_progress_bar()
