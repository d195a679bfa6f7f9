"""Label texts: given as arguments, in a file, or one per line on standard input.

Each line has the label, its probability and the text. With a threshold, the label is
`unsure` where the class of the threshold is most probable, but not probable enough.

With --output, a run that was killed resumes when the same command is given again, and
ends with the same bytes.

A text that begins with a dash goes behind two: spamft classify --model run -- "-50 %".
"""

import argparse
import json
from dataclasses import replace
from itertools import tee
from pathlib import Path

from spamft.cli.console import emit, is_typed, lines_of_input, on_terminal, warn
from spamft.cli.options import (
    AlarmOptions,
    add_classifier_options,
    add_options,
    add_reading_options,
    layout_of,
    load_saved,
    refuse_existing,
)
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError

__all__ = ["HELP", "add", "run"]

HELP = "label texts with a saved classifier"


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add_classifier_options(parser)
    add = parser.add_argument
    add("texts", nargs="*", metavar="TEXT", help="a message")
    add("--file", type=Path, metavar="FILE", help="with a column of texts")
    add(
        "--output",
        type=Path,
        metavar="CSV",
        help="for the columns of the file with label and probabilities",
    )
    add("--overwrite", action="store_true", help="replace the output file")
    add(
        "--exact",
        action="store_true",
        help="write every cell as it is, for a program that reads the CSV; by default "
        "an apostrophe stands before what a spreadsheet would compute",
    )
    add("--json", action="store_true", help="print a JSON object for each text")
    add(
        "--threshold",
        type=float,
        metavar="P",
        help="predict the class that has a threshold only above this probability, "
        "0..1, instead of the one that finetune --false-alarms chose",
    )
    add_options(parser, AlarmOptions, without=("false_alarms",))
    add_reading_options(parser, labels=False)


def run(args: argparse.Namespace) -> None:
    """Print a label and its probability for each text, or write a CSV."""
    from spamft.use.predict import classify_stream
    from spamft.use.tables import classify_table

    _check(args)
    saved = load_saved(args, args.model)
    if args.threshold is not None:
        saved = _with_threshold(saved, args.threshold, args.alarm)
    if args.file:
        cut = classify_table(
            saved,
            args.file,
            args.output,
            layout=layout_of(args),
            mark_formulas=not args.exact,
            progress=on_terminal() and args.output is not None,
            log=warn,
        )
        _tell_of(cut, saved)
        return
    cut: list[int] = []
    typed = not args.texts and is_typed()  # then each line is answered at once
    texts, kept = tee(args.texts or lines_of_input())
    verdicts = classify_stream(
        saved.model,
        saved.tokenizer,
        texts,
        saved.rule,
        chunk_size=1 if typed else 8192,
        on_cut=cut.append,
    )
    show = _in_json if args.json else _in_columns
    for text, verdict in zip(kept, verdicts, strict=False):
        emit(show(text, verdict), flush=typed)
    _tell_of(sum(cut), saved)


def _check(args: argparse.Namespace) -> None:
    """Raise SpamftError for options that do not go together."""
    if args.alarm is not None and args.threshold is None:
        raise SpamftError("--alarm goes with --threshold")
    if args.json and args.file:
        raise SpamftError("--json goes with texts: from --file comes a CSV")
    if bool(args.texts) and bool(args.file):
        raise SpamftError("give texts or --file, not both")
    if args.output and not args.file:
        raise SpamftError("--output goes with --file")
    refuse_existing(args.output, args.overwrite)


def _in_columns(text: str, verdict) -> str:
    return f"{visible(verdict.shown)}\t{verdict.probability:.4f}\t{visible(text)}"


def _in_json(text: str, verdict) -> str:
    return json.dumps(verdict._asdict() | {"unsure": verdict.unsure, "text": text})


def _with_threshold(saved, value: float, alarm: str | None):
    """The same, with a threshold of the user's own."""
    from spamft.use.verdict import Threshold, alarm_class

    if alarm is None and saved.rule.threshold:
        alarm = saved.rule.threshold.label
    threshold = Threshold(alarm_class(saved.model.label_names, alarm), value)
    return replace(saved, rule=replace(saved.rule, threshold=threshold))


def _tell_of(cut: int, saved) -> None:
    """Say on standard error, away from the results, what was not read to its end."""
    if cut:
        most = saved.model.max_length
        warn(f"{cut:,} texts are longer than the {most:,} tokens that it reads: cut")
