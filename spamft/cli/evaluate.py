"""Evaluate a saved classifier on labelled messages.

The metrics are those of the most probable class. What the temperature changes, and a
threshold if there is one, follows: what is caught, false alarms, what is unsure. Where
the classes are ham and spam, so does what the model makes of the locked notices.
"""

import argparse
import json
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spamft.cli.console import emit
from spamft.cli.options import (
    AlarmOptions,
    add_classifier_options,
    add_labels_option,
    add_options,
    add_reading_options,
    load_saved,
    open_labelled,
    share_of,
)
from spamft.plumbing.display import naming, visible
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
        help="uci, sample, intents, auto, the collection's zip, or a file of your own",
    )
    add_labels_option(parser)
    add("--json", action="store_true", help="print JSON")
    group = parser.add_argument_group("threshold")
    group.add_argument(
        "--share",
        type=share_of,
        metavar="SHARE",
        help="how much of your messages is spam, such as 1%%: the precision there",
    )
    group.add_argument(
        "--threshold-from",
        type=Path,
        metavar="FILE",
        help="labelled messages that choose a threshold anew, for --false-alarms",
    )
    add_options(group, AlarmOptions)
    add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Print the metrics."""
    if (args.threshold_from is None) != (args.false_alarms is None):
        raise SpamftError("--threshold-from and --false-alarms go together")
    saved = load_saved(args, args.model)
    if args.share or args.alarm:
        _alarm_of(args, saved)  # to refuse a wrong one before the work
    data = _open(args, args.data, saved)
    if args.threshold_from:
        chosen = _open(args, args.threshold_from, saved)
        saved, more = _choose(args, saved, chosen, data)
        data = replace(data, notes=data.notes + more)
    (_print_json if args.json else _print)(args, saved, data)


@dataclass(frozen=True)
class _Labelled:
    """Labelled messages, and what the model makes of them."""

    df: Any
    source: str
    notes: tuple[str, ...]
    logits: Any  # (N, K)
    labels: Any  # (N,)


def _open(args: argparse.Namespace, path: str | Path, saved) -> _Labelled:
    import torch

    from spamft.use.predict import count_cut, dataset_for, predict_in_order

    model, tokenizer = saved.model, saved.tokenizer
    df, source, notes = open_labelled(args, path, model.label_names)
    if cut := count_cut(model, df["Text"].tolist(), tokenizer):
        most = f"longer than the {model.max_length:,} tokens that the model reads"
        notes += (f"{most}, and cut there: {cut:,} of {len(df):,} messages",)
    logits = predict_in_order(model, dataset_for(model, df, tokenizer))
    return _Labelled(df, source, notes, logits, torch.tensor(df["Label"].tolist()))


def _alarm_of(args: argparse.Namespace, saved) -> str:
    """The class whose false alarms are counted."""
    from spamft.use.verdict import alarm_class

    stored = saved.rule.threshold
    named = stored.label if args.alarm is None and stored else args.alarm
    return alarm_class(saved.model.label_names, named)


def _choose(args: argparse.Namespace, saved, chosen: _Labelled, data: _Labelled):
    """`saved` with a threshold from `chosen`, measured on `data`, and notes on that."""
    from spamft.experiments.rule import measure_threshold, note_too_few
    from spamft.sources.duplicates import count_shared

    label, rate = _alarm_of(args, saved), args.false_alarms
    k = saved.model.label_names.index(label)
    scores, others = (
        saved.rule.probabilities(each.logits[each.labels != k])[:, k]
        for each in (chosen, data)
    )
    with naming(args.threshold_from):
        threshold = measure_threshold(
            scores, others, label, rate, f"other messages of {chosen.source}"
        )
    notes = tuple(f"{chosen.source}: {note}" for note in chosen.notes)
    notes += note_too_few(len(others), rate)
    if shared := count_shared(data.df, chosen.df):
        notes += (
            f"{shared:,} messages also chose the threshold, or repeat one that did: "
            "they measure nothing",
        )
    return replace(saved, rule=replace(saved.rule, threshold=threshold)), notes


def _measure(args: argparse.Namespace, saved, data: _Labelled) -> tuple:
    """A report as trained, one that is calibrated, alarms, and those of the locked set.

    The last two are None where they are of no interest.
    """
    from spamft.evaluate import report
    from spamft.insight.alarms import count_alarms, locked_alarms

    rule, names, alarms = saved.rule, saved.model.label_names, None
    trained = report(data.logits, data.labels)
    calibrated = report(data.logits / rule.temperature, data.labels)
    if rule.threshold or args.share or args.alarm:
        label = _alarm_of(args, saved)
        alarms = count_alarms(rule, data.logits, data.labels, names, label)
    locked = locked_alarms(saved.model, saved.tokenizer, rule)
    return trained, calibrated, alarms, locked


def _print_json(args: argparse.Namespace, saved, data: _Labelled) -> None:
    from spamft.experiments.run import report_dict

    trained, calibrated, alarms, locked = _measure(args, saved, data)
    found = {"data": data.source, "notes": list(data.notes)}
    found |= report_dict(trained, saved.model.label_names)
    found["rule"] = saved.rule.to_dict()
    errors = ("loss", "calibration_error")
    found["calibrated"] = {name: getattr(calibrated, name) for name in errors}
    if alarms:
        found["alarms"] = alarms.to_dict(args.share)
    found["locked"] = locked and locked.to_dict()
    emit(json.dumps(found, indent=2))


def _print(args: argparse.Namespace, saved, data: _Labelled) -> None:
    from spamft.insight.alarms import show_locked

    trained, calibrated, alarms, locked = _measure(args, saved, data)
    for line in (f"data: {visible(data.source)}", *(f"note: {n}" for n in data.notes)):
        emit(line)
    emit(trained.describe(saved.model.label_names, "all of them with --json"))
    emit(
        f"calibrated: loss {calibrated.loss:.4f}, calibration error "
        f"{calibrated.calibration_error:.1%}; as trained {trained.loss:.4f}, "
        f"{trained.calibration_error:.1%}"
    )
    emit(saved.rule)
    if alarms:
        emit(alarms.describe(args.share))
    if locked:
        emit(show_locked(locked))
    if args.threshold_from:
        threshold = saved.rule.threshold
        command = ["spamft", "classify", "--model", str(args.model)]
        command += ["--base", args.base] if args.base else []
        command += ["--threshold", repr(threshold.value), "--alarm", threshold.label]
        emit(f"use it: {visible(shlex.join(command))}")
