"""What beginnings and endings do to a model's verdicts, and how that is shown.

PlaceEffect     one of them, added and removed; its string says it in words
Sides           the same change to messages of the watched class, and to the others
Shift           a change beside its harmless control
Moved           one of the two: predictions that change, and the probability
show_places     all of them as a table
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from spamft.insight.rendering import as_columns
from spamft.plumbing.display import brief, visible
from spamft.plumbing.scores import wilson
from spamft.use.verdict import show_share

__all__ = ["Moved", "PlaceEffect", "Shift", "Sides", "show_places"]

NAME = 10  # characters of a class, in the head of the table
MANY = 1000  # messages, of which a tenth of a percent is one


@dataclass(frozen=True)
class Moved:
    """What some messages' verdicts became after they were changed."""

    changed: int  # predictions
    of: int  # messages
    rise: float  # of the probability of the watched class, on average, -1..1

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the share of predictions that change."""
        return wilson(self.changed, self.of)

    def to_dict(self) -> dict:
        """The counts with their share and interval, and the rise, for JSON."""
        share = self.changed / self.of if self.of else 0.0
        return {"share": share, "interval": list(self.interval)} | asdict(self)


@dataclass(frozen=True)
class Shift:
    """What a change does to some messages, and what harmless words do to the same."""

    change: Moved
    control: Moved

    def __str__(self) -> str:
        change, (low, high) = self.change, map(show_share, self.change.interval)
        return (
            f"{change.changed:,} of {change.of:,} predictions change (95 % interval "
            f"{low} to {high}), with harmless words {self.control.changed:,}; its "
            f"probability {self.points} points"
        )

    @property
    def points(self) -> str:
        """Both rises in percentage points, the control's behind the slash."""
        return " / ".join(f"{100 * m.rise:+.0f}" for m in (self.change, self.control))


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
            lines += [f"  {change} {name}: {s}" for name, s in pairs if s.change.of]
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


def _rows(effects: Sequence[PlaceEffect], added: bool) -> Iterator[list[str] | str]:
    """Under a heading for each of the two places."""
    heading = None
    for effect in effects:
        sides = effect.added if added else effect.removed
        if not any(shift.change.of for shift in sides):
            continue
        where, _, what = effect.place.partition(": ")
        if where != heading:
            heading = where
            yield f"{where}: {'added' if added else 'removed'}"
        yield [f"  {what}", *(cell for shift in sides for cell in _cells(shift))]


def _cells(shift: Shift) -> tuple[str, str, str, str]:
    of = shift.change.of
    if not of:
        return "-", "-", "0", "-"
    counts = shift.change.changed, shift.control.changed
    share, control = (_percent(count / of, of) for count in counts)
    low, high = (_percent(end, of) for end in shift.change.interval)
    return f"{share:>3} {f'({low}-{high})':8}", control, f"{of:,}", shift.points


def _percent(share: float, of: int) -> str:
    """As many digits as so many messages can tell."""
    return f"{100 * share:.{1 if of >= MANY and share < 0.0995 else 0}f}"
