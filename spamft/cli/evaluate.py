"""Evaluate a saved classifier on labelled messages."""

import argparse
import json

from spamft.cli.console import emit
from spamft.cli.options import add_classifier_options, add_reading_options, given
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError

__all__ = ["HELP", "add", "run"]

HELP = "evaluate a saved classifier on labelled messages"


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add_classifier_options(parser)
    add = parser.add_argument
    add(
        "--data",
        required=True,
        help="uci, sample, auto, the zip of the collection, or a file of your own",
    )
    add(
        "--labels",
        nargs="+",
        metavar="CELL=NAME",
        help="what labels of the data mean, such as 0=ham 1=spam",
    )
    add("--json", action="store_true", help="print JSON")
    add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Print the metrics."""
    from spamft.batches import make_bucketed_loader
    from spamft.evaluate import evaluate
    from spamft.experiments.run import report_dict
    from spamft.plumbing.device import pick_device, token_budget
    from spamft.reading.layout import Layout
    from spamft.sources import open_messages
    from spamft.sources.labels import LabelRules, read_as, tidy_labels
    from spamft.use.predict import count_cut, dataset_for
    from spamft.use.saved import load

    saved = load(args.model, device=args.device)
    model, names = saved.model, saved.model.label_names
    layout = Layout(**given(args, Layout))
    df, source = open_messages(args.data, layout=layout)
    df, notes = tidy_labels(df, LabelRules(**given(args, LabelRules)), names)
    df, note = read_as(df, names, _meanings(args.labels))
    notes = [*notes, *note]
    if cut := count_cut(model, df["Text"].tolist(), saved.tokenizer):
        most = f"longer than the {model.max_length:,} tokens that the model reads"
        notes.append(f"{most}, and cut there: {cut:,} of {len(df):,} messages")
    dataset = dataset_for(model, df, saved.tokenizer)
    budget = token_budget(pick_device(args.device))
    report = evaluate(model, make_bucketed_loader(dataset, budget))
    if args.json:
        found = {"data": source, "notes": notes} | report_dict(report, names)
        emit(json.dumps(found, indent=2))
        return
    for line in (f"data: {visible(source)}", *(f"note: {note}" for note in notes)):
        emit(line)
    emit(report.describe(names))


def _meanings(pairs: list[str] | None) -> dict[str, str]:
    """{"0": "ham"} for ["0=ham"]."""
    for pair in pairs or []:
        if "=" not in pair:
            raise SpamftError(f"--labels {pair!r}: expected CELL=NAME, such as 0=ham")
    return dict(pair.split("=", 1) for pair in pairs or [])
