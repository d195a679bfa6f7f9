"""How hard is a finetuned model to fool? Edits that leave the meaning of its messages.

The test part of the run is written in other ways: look-alike letters, spaces in words,
a greeting, a link moved. For each edit the table has how many messages that were caught
escape, how many others become spam, and the same for harmless words of that length.
Where the classes are ham and spam, what the model makes of the locked notices follows;
then, what beginnings and endings tell of the class, and what they do to the model.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spamft.cli.console import emit, on_terminal
from spamft.cli.options import (
    add_labels_option,
    add_loading_options,
    add_reading_options,
    load_saved,
    open_labelled,
    refuse_existing,
)
from spamft.plumbing.display import naming, visible
from spamft.plumbing.errors import SpamftError

__all__ = ["HELP", "add", "run"]

HELP = "how hard a finetuned model is to fool: edits that leave the meaning"


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    add = parser.add_argument
    add("folder", type=Path, metavar="RUN", help="the folder that finetune wrote")
    add(
        "--data",
        metavar="FILE",
        help="other labelled messages than the run's test part, as --data of evaluate",
    )
    add_labels_option(parser)
    add(
        "--alarm",
        metavar="NAME",
        help="the class that messages escape from and become (default: that of the "
        "run's threshold, or spam, where the other is ham; else whatever is predicted "
        "right and becomes wrong is counted)",
    )
    add("--seed", type=int, default=123, metavar="N", help="of edits (default 123)")
    add("--json", action="store_true", help="print JSON, with all examples")
    add("--picture", type=Path, metavar="PNG", help="for the table as a picture")
    add("--overwrite", action="store_true", help="replace the picture")
    add_loading_options(parser)
    add_reading_options(parser)


def run(args: argparse.Namespace) -> None:
    """Print what the edits do, and write the picture."""
    refuse_existing(args.picture, args.overwrite)
    saved = load_saved(args, args.folder)
    found = _measure(args, saved)
    if args.picture:
        _draw(found.stress, args.picture)
    if args.json:
        facts = {"run": str(args.folder)} | found.to_dict()
        emit(json.dumps(facts, indent=2))
        return
    for line in found.lines():
        emit(line)


@dataclass(frozen=True)
class _Found:
    """All that is printed."""

    source: str
    notes: tuple[str, ...]
    stress: Any
    locked: Any  # None: its classes are not ham and spam
    alone: list | None  # what places predict in the training part; None: no such part
    places: list | None  # None: no class is watched

    def to_dict(self) -> dict:
        alone = self.alone and [asdict(each) for each in self.alone]
        moved = self.places and [each.to_dict() for each in self.places]
        return {
            "data": self.source,
            "notes": self.notes,
            **self.stress.to_dict(),
            "locked": self.locked and self.locked.to_dict(),
            "places": {"alone": alone, "moved": moved},
        }

    def lines(self) -> Iterator[Any]:
        from spamft.insight.alarms import show_locked
        from spamft.insight.place_effects import show_alone, show_places

        yield f"data: {visible(self.source)}"
        yield from (f"note: {visible(note)}" for note in self.notes)
        yield self.stress
        if self.locked:
            yield f"\n{show_locked(self.locked)}"
        if self.places and self.alone:
            yield "\nbeginnings and endings, in the training part\n"
            yield show_alone(self.alone, self.stress.label)
        if self.places:
            yield "\nbeginnings and endings, added and removed\n"
            yield show_places(self.places)


def _measure(args: argparse.Namespace, saved: Any) -> _Found:
    from spamft.insight.alarms import locked_alarms
    from spamft.insight.places import shift_by_place
    from spamft.insight.shortcuts import place_table
    from spamft.insight.stress import stress

    model, rule, names = saved.model, saved.rule, saved.model.label_names
    both = model, saved.tokenizer
    df, source, notes = _messages(args, names)
    training, alone, places = _part(args.folder, "train", names), None, None
    options = {"label": args.alarm, "training": training, "progress": on_terminal()}
    found = stress(*both, df, rule=rule, seed=args.seed, **options)
    if training is None:
        notes += (f"no train.csv in {args.folder}: what is made of it is left out",)
    elif found.label is not None:
        named = training["Label"].map(dict(enumerate(names)))
        alone = place_table(training.assign(Label=named))
    if found.label is not None:
        places = shift_by_place(*both, df, found.label, rule=rule, seed=args.seed)
    return _Found(source, notes, found, locked_alarms(*both, rule), alone, places)


def _messages(args: argparse.Namespace, names: tuple[str, ...]):
    """(messages with class ids, where they come from, notes)"""
    if args.data:
        return open_labelled(args, args.data, names)
    df = _part(args.folder, "test", names)
    if df is None:
        raise SpamftError(
            f"no test.csv in {args.folder}: give the folder that finetune wrote, or "
            "other labelled messages with --data"
        )
    return df, "the test part of the run", ()


def _part(folder: Path, name: str, names: tuple[str, ...]) -> Any:
    """A part of a run with class ids, or None where it is missing."""
    from spamft.data import read_messages
    from spamft.sources.labels import read_as

    path = folder / f"{name}.csv"
    if not path.is_file():
        return None
    with naming(path):
        # labels were tidied before training, and a lecture's run has class ids
        return read_as(read_messages(path), names).df


def _draw(found: Any, path: Path) -> None:
    from spamft.plots import plot_stress
    from spamft.plumbing.files import whole_file

    with whole_file(path) as part:
        picture = plot_stress(found.table(), found.label)
        picture.savefig(part, dpi=150, format="png")
