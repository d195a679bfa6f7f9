"""What beginnings and endings do to a model's verdicts, and how that is shown.

PlaceEffect     one of them, added and removed; its string says it in words
Sides           the same change to messages of the watched class, and to the others
Shift           a change beside its harmless control
Moved           one of the two: predictions that change, and the probability
show_places     all of them as a table
show_alone      what each of them predicts alone, in messages as they are
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from spamft.insight.estimate import Counted
from spamft.insight.rendering import as_columns
from spamft.insight.shortcuts import Shortcut
from spamft.plumbing.display import brief, visible

__all__ = ["Moved", "PlaceEffect", "Shift", "Sides", "show_alone", "show_places"]

NAME = 10  # characters of a class, in the head of the table


@dataclass(frozen=True)
class Moved:
    """What some messages' verdicts became after they were changed."""

    changed: Counted  # predictions
    rise: float  # of the probability of the watched class, on average, -1..1

    def to_dict(self) -> dict:
        """The counts with their share and interval, and the rise, for JSON."""
        return self.changed.to_dict() | {"rise": self.rise}


@dataclass(frozen=True)
class Shift:
    """What a change does to some messages, and what harmless words do to the same."""

    change: Moved
    control: Moved

    def __str__(self) -> str:
        change, control = self.change.changed, self.control.changed
        return (
            f"{change} predictions change, {change.estimate}, with harmless words "
            f"{control.count:,}; its probability {self.points} points"
        )

    @property
    def of(self) -> int:
        """How many messages were changed."""
        return self.change.changed.of

    @property
    def points(self) -> str:
        """Both rises in percentage points, the control's behind the slash."""
        return " / ".join(
            f"{round(100 * m.rise):+d}" for m in (self.change, self.control)
        )


class Sides(NamedTuple):
    """A change to messages of the watched class, and to the others."""

    own: Shift
    others: Shift


@dataclass(frozen=True)
class PlaceEffect:
    """What one beginning or ending does where it is added, and where it is removed."""

    place: str  # "ends with: web address"
    label: str  # the class that is watched
    added: Sides  # to messages that lack it
    removed: Sides  # from messages that have it

    def __str__(self) -> str:
        lines = [self.place]
        for change, sides in (("added to", self.added), ("removed from", self.removed)):
            pairs = zip((brief(self.label), "others"), sides, strict=True)
            lines += [f"  {change} {name}: {s}" for name, s in pairs if s.of]
        return visible("\n".join(lines), keep="\n")

    def to_dict(self) -> dict:
        """All of it, for JSON."""
        found = {"place": self.place, "label": self.label}
        for name, sides in (("added", self.added), ("removed", self.removed)):
            found[name] = {
                side: {"change": s.change.to_dict(), "control": s.control.to_dict()}
                for side, s in sides._asdict().items()
            }
        return found


def show_places(effects: Sequence[PlaceEffect]) -> str:
    """A table of all effects on the same class, and what its columns are.

    What could be done to no message has no row.
    """
    if not effects:
        return "no beginning or ending was tried"
    name = brief(effects[0].label, NAME)
    rows = [row for added in (True, False) for row in _rows(effects, added)]
    four = ("control", "of", "points")
    head = ["", f"{name} %", *four, "others %", *four]
    legend = (
        "%: predictions that change; in brackets: the 95 % interval\n"
        "control: the same messages with harmless words instead, as long as what is "
        "added, in\nits place; or, where something is removed, beside it\n"
        "of: messages that can be changed\n"
        f"points: how the probability of {name} moves / the same for the control"
    )
    return f"{as_columns([head, *rows])}\n\n{legend}"


def show_alone(found: Sequence[Shortcut], label: str) -> str:
    """A table of how many messages with each beginning and ending are of a class.

    `found` is what `place_table` gives for the training part.
    """
    name = brief(label, NAME)
    rows, heading = [["", name, "others", f"{name} %"]], None
    for each in found:
        where, _, what = each.what.partition(": ")
        if where != heading:
            rows.append(heading := where)
        own, of = each.counts.get(label, 0), sum(each.counts.values())
        share = Counted(own, of).cell()
        rows.append([f"  {what}", f"{own:,}", f"{of - own:,}", share])
    return as_columns(rows)


def _rows(effects: Sequence[PlaceEffect], added: bool) -> Iterator[list[str] | str]:
    """Under a heading for each of the two places."""
    heading = None
    for effect in effects:
        sides = effect.added if added else effect.removed
        if not any(shift.of for shift in sides):
            continue
        where, _, what = effect.place.partition(": ")
        if where != heading:
            heading = where
            yield f"{where}: {'added' if added else 'removed'}"
        yield [f"  {what}", *(cell for shift in sides for cell in _cells(shift))]


def _cells(shift: Shift) -> tuple[str, str, str, str]:
    if not shift.of:
        return "-", "-", "0", "-"
    change, control = shift.change.changed, shift.control.changed
    return change.cell(), control.percent(), f"{shift.of:,}", shift.points
