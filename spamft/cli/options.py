"""Options of the command line, made from the fields of dataclasses.

A field with a `help` in its metadata becomes `--its-name`; its type and its default are
the field's own. So each option is defined once.
"""

import argparse
import dataclasses
import types
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from spamft.plumbing.errors import SpamftError

__all__ = [
    "DEVICE_HELP",
    "DataOptions",
    "add_classifier_options",
    "add_options",
    "given",
    "option",
    "refuse_existing",
]

DEVICE_HELP = "auto (default: cuda, else mps, else cpu), cuda, mps or cpu"


def option(default: Any, help: str, metavar: str | None = None) -> Any:
    """A dataclass field that is an option with this help."""
    metadata = {"help": help, "metavar": metavar}
    return dataclasses.field(default=default, metadata=metadata)


def add_options(
    parser: argparse.ArgumentParser, options: type, *, keep_defaults: bool = True
) -> None:
    """Give `parser` an option for each field of the dataclass `options`.

    Without `keep_defaults` an option that is not given is None; see `given`.
    """
    for each in fields(options):
        if "help" not in each.metadata:
            continue
        name = "--" + each.name.replace("_", "-")
        text = each.metadata["help"]
        default = each.default if keep_defaults else None
        if each.type is bool:
            parser.add_argument(name, action="store_true", default=default, help=text)
            continue
        if keep_defaults and each.default is not None and "default" not in text:
            text += f" (default {each.default})"
        parser.add_argument(
            name,
            type=_type_of(each.type),
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


def add_classifier_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of a command that uses a saved classifier."""
    parser.add_argument(
        "--model",
        required=True,
        type=Path,
        metavar="DIR",
        help="the folder that finetune wrote, or `model` in it",
    )
    parser.add_argument("--device", default="auto", help=DEVICE_HELP)


def refuse_existing(path: Path | None, overwrite: bool) -> None:
    """Raise SpamftError if a file would be replaced that nobody said to replace."""
    if path and path.exists() and not overwrite:
        raise SpamftError(f"{path} exists: choose another name or --overwrite")


@dataclass(frozen=True)
class DataOptions:
    """Which messages, and how they are prepared."""

    data: str = option(
        "auto",
        "uci, the SMS Spam Collection, downloaded; sample, the bundled messages; auto "
        "(default), uci or, with no network, sample; the zip of the collection; or any "
        "CSV or TSV with a header",
    )
    text: str | None = option(
        None, "the text column of a CSV or TSV (default Text)", "NAME"
    )
    label: str | None = option(
        None, "the label column of a CSV or TSV (default Label)", "NAME"
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

    def open(self, progress: bool):
        """The messages, ready to train on."""
        from spamft.sources import open_splits

        return open_splits(
            self.data,
            lecture=self.lecture,
            balanced=not self.no_balance,
            text_column=self.text,
            label_column=self.label,
            cache_dir=self.cache_dir,
            seed=self.split_seed,
            progress=progress,
        )
