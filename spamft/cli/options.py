"""Options of the command line, made from the fields of dataclasses.

A field with a `help` in its metadata becomes `--its-name`; its type and its default are
the field's own. So each option is defined once.
"""

import argparse
import math
import types
from collections.abc import Container, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from spamft.cli.console import warn
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.options import option

__all__ = [
    "DEVICE_HELP",
    "FROZEN_HELP",
    "AlarmOptions",
    "DataOptions",
    "add_classifier_options",
    "add_data_options",
    "add_labels_option",
    "add_loading_options",
    "add_options",
    "add_reading_options",
    "given",
    "layout_of",
    "load_saved",
    "open_data",
    "open_labelled",
    "refuse_existing",
    "rules_of",
    "share_of",
]

DEVICE_HELP = "auto (default: cuda, else mps, else cpu), cuda, mps or cpu"
FROZEN_HELP = (
    "of products with frozen weights: auto (default: float32), float32 or, faster and "
    "a little coarser, bf16 or int8; what trains is float32, but with bf16 on cuda"
)


def add_options(
    parser: argparse.ArgumentParser,
    options: type,
    *,
    keep_defaults: bool = True,
    without: Container[str] = (),
) -> None:
    """Give `parser` an option for each field of the dataclass `options`.

    Without `keep_defaults` an option that is not given is None; see `given`.
    """
    for each in fields(options):
        if "help" not in each.metadata or each.name in without:
            continue
        name = "--" + each.name.replace("_", "-")
        text = each.metadata["help"]
        default = each.default if keep_defaults else None
        if each.type is bool:
            parser.add_argument(name, action="store_true", default=default, help=text)
            continue
        if each.metadata.get("several"):
            metavar = each.metadata["metavar"]
            parser.add_argument(name, action="append", help=text, metavar=metavar)
            continue
        if keep_defaults and each.default is not None and "default" not in text:
            text += f" (default {each.default})"
        parser.add_argument(
            name,
            type=each.metadata.get("read") or _type_of(each.type),
            default=default,
            help=text.replace("%", "%%"),
            metavar=each.metadata.get("metavar") or each.name.upper(),
        )


def given(args: argparse.Namespace, options: type) -> dict[str, Any]:
    """The fields of `options` that the command line names, by name."""
    values = {each.name: getattr(args, each.name, None) for each in fields(options)}
    return {name: value for name, value in values.items() if value is not None}


def _type_of(annotation: Any) -> type:
    """int for `int | None`."""
    if isinstance(annotation, types.UnionType):
        [annotation] = [a for a in get_args(annotation) if a is not types.NoneType]
    return annotation


def share_of(text: str) -> float:
    """A share as people write it, between 0 and 1.

    >>> share_of("0.2%"), share_of("0.002")
    (0.002, 0.002)
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        share = float(Decimal(number) / (100 if percent else 1))
    except ArithmeticError:  # as "x", which is no number
        share = math.nan
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(
            f"{brief(text, 30)!r} is no share between 0 and 1, such as 0.2% or 0.002"
        )
    return share


@dataclass(frozen=True)
class AlarmOptions:
    """When to hold a message back rather than raise a false alarm."""

    false_alarms: float | None = option(
        None,
        "choose a threshold at which at most this share of the other messages is "
        "predicted as the class, such as 0.2%",
        "SHARE",
        read=share_of,
    )
    alarm: str | None = option(
        None,
        "the class whose false alarms cost (default spam, where the other is ham)",
        "NAME",
    )


def add_classifier_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of a command that uses a saved classifier."""
    parser.add_argument(
        "--model",
        required=True,
        type=Path,
        metavar="DIR",
        help="the folder that finetune wrote, or `model` in it",
    )
    add_loading_options(parser)


def add_loading_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options that say how a saved classifier is loaded."""
    parser.add_argument(
        "--base",
        metavar="PATH",
        help="where the model that was finetuned lies now, if it was moved: a folder "
        "or a .gguf file",
    )
    parser.add_argument("--device", default="auto", help=DEVICE_HELP)
    parser.add_argument(
        "--precision",
        default="auto",
        metavar="NAME",
        help="of matrix products: auto (default: as it was finetuned), float32 or, "
        "faster and a little coarser, bf16 or int8",
    )


def load_saved(args: argparse.Namespace, folder: Path):
    """The classifier in the folder, loaded as the options say."""
    from spamft.use.saved import load

    saved = load(folder, base=args.base, device=args.device, precision=args.precision)
    for note in saved.notes:
        warn(note)
    return saved


def refuse_existing(path: Path | None, overwrite: bool) -> None:
    """Raise SpamftError if a file would be replaced that nobody said to replace."""
    if path and path.exists() and not overwrite:
        raise SpamftError(f"{path} exists: choose another name or --overwrite")


@dataclass(frozen=True)
class DataOptions:
    """Which messages, and how they are prepared."""

    data: str = option(
        "auto",
        "uci, the SMS Spam Collection, downloaded; sample, the bundled messages; "
        "intents, the bundled task of four classes; auto (default), uci or, with no "
        "network, sample; the zip of the collection; or a "
        "file of your own: CSV, TSV, JSON lines, Parquet, Excel",
    )
    validation: Path | None = option(
        None, "a file with the validation part, instead of a tenth of the data", "FILE"
    )
    test: Path | None = option(
        None, "a file with the test part, instead of a fifth of the data", "FILE"
    )
    lecture: bool = option(
        False,
        "the lecture's rows and split, lost messages and leaks included; in finetune "
        "also its pooling, padding and settings",
    )
    no_balance: bool = option(
        False, "keep all rows and weight rare classes more in the loss"
    )
    split_seed: int = option(123, "seed of balancing and splitting", "N")
    cache_dir: Path = option(Path("data"), "where a download is kept", "DIR")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of a command that prepares messages to train on."""
    add_options(parser.add_argument_group("messages"), DataOptions)
    add_reading_options(parser)


def add_reading_options(
    parser: argparse.ArgumentParser, *, labels: bool = True
) -> None:
    """Give `parser` the options that say how a file of messages is read."""
    from spamft.reading.layout import Layout
    from spamft.sources.labels import LabelRules

    group = parser.add_argument_group("reading a file")
    add_options(group, Layout, without=() if labels else ("label",))
    if labels:
        add_options(parser.add_argument_group("doubtful labels"), LabelRules)


def layout_of(args: argparse.Namespace):
    """The Layout that the options describe."""
    from spamft.reading.layout import Layout

    return Layout(**given(args, Layout))


def rules_of(args: argparse.Namespace):
    """The LabelRules that the options name."""
    from spamft.sources.labels import LabelRules

    return LabelRules(**given(args, LabelRules))


def open_data(args: argparse.Namespace, *, progress: bool):
    """The messages that the options name, ready to train on."""
    from spamft.sources import open_splits

    return open_splits(
        args.data,
        validation=args.validation,
        test=args.test,
        lecture=args.lecture,
        balanced=not args.no_balance,
        layout=layout_of(args),
        rules=rules_of(args),
        cache_dir=args.cache_dir,
        seed=args.split_seed,
        progress=progress,
    )


def add_labels_option(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the option that says what the labels of other messages mean."""
    parser.add_argument(
        "--labels",
        nargs="+",
        metavar="CELL=NAME",
        help="what labels of the data mean, such as 0=ham 1=spam",
    )


def open_labelled(args: argparse.Namespace, path: str | Path, names: Sequence[str]):
    """Messages with labels for a model that knows these `names`.

    (The messages with class ids, where they come from, notes on what was done.)
    """
    from spamft.sources import open_messages
    from spamft.sources.labels import read_as, tidy_labels

    df, source = open_messages(path, layout=layout_of(args))
    df, notes = tidy_labels(df, rules_of(args), names)
    df, more = read_as(df, names, _meanings(args.labels))
    return df, source, (*notes, *more)


def _meanings(pairs: list[str] | None) -> dict[str, str]:
    """{"0": "ham"} for ["0=ham"]."""
    for pair in pairs or []:
        if "=" not in pair:
            raise SpamftError(f"--labels {pair!r}: expected CELL=NAME, such as 0=ham")
    return dict(pair.split("=", 1) for pair in pairs or [])
