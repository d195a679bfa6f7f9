"""Evaluate a saved classifier on labelled messages."""

import argparse
import json

from spamft.cli.console import emit
from spamft.cli.options import add_classifier_options
from spamft.plumbing.display import visible

__all__ = ["HELP", "add", "run"]

HELP = "evaluate a saved classifier on labelled messages"


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add_classifier_options(parser)
    add = parser.add_argument
    add(
        "--data",
        required=True,
        help="uci, sample, auto, the zip of the collection, or any CSV or TSV",
    )
    add("--text", metavar="NAME", help="the text column of a CSV or TSV")
    add("--label", metavar="NAME", help="the label column of a CSV or TSV")
    add("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    """Print the metrics."""
    from spamft.batches import make_bucketed_loader
    from spamft.data import encode_labels
    from spamft.evaluate import evaluate
    from spamft.experiments.run import report_dict
    from spamft.plumbing.device import pick_device, token_budget
    from spamft.sources import open_messages
    from spamft.use.predict import dataset_for
    from spamft.use.saved import load

    saved = load(args.model, device=args.device)
    names = saved.model.label_names
    df, source = open_messages(
        args.data, text_column=args.text, label_column=args.label
    )
    dataset = dataset_for(saved.model, encode_labels(df, names), saved.tokenizer)
    budget = token_budget(pick_device(args.device))
    report = evaluate(saved.model, make_bucketed_loader(dataset, budget))
    if args.json:
        emit(json.dumps({"data": source} | report_dict(report, names), indent=2))
    else:
        said = report.describe(names, "all of them with --json")
        emit(f"data: {visible(source)}\n{said}")
