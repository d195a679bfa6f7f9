"""What edits do to a model's verdicts, and how that is shown.

Stress          all edits: its string is a table, and what was worst
Effect          one edit: what escapes, and what becomes the class
Turned          one of the two, beside the harmless control
Example         a message whose verdict an edit turned
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from os.path import commonprefix
from unicodedata import east_asian_width

import pandas as pd

from spamft.insight.estimate import Counted
from spamft.insight.rendering import as_columns
from spamft.plumbing.display import brief, visible

__all__ = ["Effect", "Example", "Stress", "Turned"]

STRONGEST = 3  # edits whose examples are shown
SHOWN = 2  # examples of each
WIDTH = 96  # characters of an example's line
NAME = 12  # of a class, in the head of the table
_UNSEEN = re.compile("[\u00ad\u200b]")


@dataclass(frozen=True)
class Example:
    """A message, what an edit made of it, and the verdict before and after."""

    text: str
    edited: str
    watched: str  # the class whose probability is given
    before: float  # its probability, 0..1
    after: float
    label: str  # that is predicted after the edit, or "unsure"

    def __str__(self) -> str:
        head = (
            f"{brief(self.watched, NAME)} {self.before:.0%} -> {self.after:.0%}, "
            f"now {brief(self.label, NAME)}: "
        )
        return head + self._piece(WIDTH - len(head))

    def _piece(self, most: int) -> str:
        """The edited text, of a long one the piece where the edit begins."""
        text = self.edited
        if any(east_asian_width(c) in "WF" for c in text):
            most //= 2  # such letters are twice as wide
        begin = len(commonprefix([self.text, text]))
        start = max(min(begin - most // 3, len(text) - most), 0)
        piece = f"…{text[start + 1 :]}" if start else text
        return brief(_UNSEEN.sub(lambda m: f"<U+{ord(m[0]):04X}>", piece), most)


@dataclass(frozen=True)
class Turned:
    """How many verdicts an edit turns, of the messages that it changes."""

    edit: Counted
    control: Counted  # the same messages, with harmless words instead
    examples: tuple[Example, ...]  # the largest changes of a probability first


@dataclass(frozen=True)
class Effect:
    """What one edit does."""

    edit: str
    kind: str
    escapes: Turned  # rightly predicted before the edit, and not after it
    alarms: Turned | None  # of other classes; None: no class is watched

    @property
    def strength(self) -> float:
        """The larger of its shares, 0..1, as far as chance cannot explain it."""
        found = [self.escapes, self.alarms] if self.alarms else [self.escapes]
        return max(turned.edit.estimate.low for turned in found)


@dataclass(frozen=True)
class Stress:
    """What edits that leave the meaning do to the verdicts of a model."""

    label: str | None  # the class that is watched; None: all, what is right
    caught: Counted  # messages of the class that are predicted as it, unedited
    alarmed: Counted | None  # the others that are
    effects: tuple[Effect, ...]
    texts: int  # that were classified, edited or with harmless words
    cut: int  # of these, longer than the model reads
    seed: int

    def strongest(self, count: int = STRONGEST) -> list[Effect]:
        """The edits that turn the largest shares of verdicts, if they turn any."""
        order = sorted(self.effects, key=lambda effect: -effect.strength)
        return [effect for effect in order if effect.strength > 0][:count]

    def table(self) -> pd.DataFrame:
        """One row per edit: for each share its ends, its count, and the control's."""
        rows = []
        for effect in self.effects:
            row = {"kind": effect.kind, "edit": effect.edit}
            for name, turned in _columns(effect):
                row |= _numbers(name, turned.edit)
                row |= _numbers(f"{name}_control", turned.control)
            rows.append(row)
        return pd.DataFrame(rows)

    def __str__(self) -> str:
        table = [self._heading(), "", as_columns(self._rows()), "", self._legend()]
        return "\n".join([*table, "", *self._worst()])

    def to_dict(self) -> dict:
        """All of it, for JSON."""
        return {
            "label": self.label,
            "seed": self.seed,
            "texts": self.texts,
            "cut": self.cut,
            "caught": self.caught.to_dict(),
            "alarmed": self.alarmed and self.alarmed.to_dict(),
            "edits": [_in_json(effect) for effect in self.effects],
        }

    def _heading(self) -> str:
        line = f"before any edit {self.caught} messages are predicted right"
        if self.label is not None:
            name = brief(self.label)
            line = (
                f"before any edit {self.caught} {name} are caught, and of the others "
                f"{self.alarmed} are predicted {name}"
            )
        if not self.caught.count:
            line += ": nothing can escape"
        if self.cut:
            line += (
                f"\nnote: {self.cut:,} of {self.texts:,} edited texts are longer than "
                "the model reads, and are cut there"
            )
        return line

    def _rows(self) -> Iterator[list[str] | str]:
        """The names of the columns, then the edits under their kinds."""
        titles = ["becomes wrong"]
        if self.label is not None:
            titles = ["escapes", f"becomes {brief(self.label, NAME)}"]
        yield ["", *(t for title in titles for t in (f"{title} %", "of", "control %"))]
        kind = None
        for effect in self.effects:
            if effect.kind != kind:
                yield (kind := effect.kind)
            cells = (_cells(turned) for _, turned in _columns(effect))
            yield [f"  {effect.edit}", *(cell for three in cells for cell in three)]

    def _legend(self) -> str:
        if self.label is None:
            meaning = "becomes wrong: was predicted right, and after the edit is not"
        else:
            name = brief(self.label)
            meaning = (
                f"escapes: {name} that was caught, and after the edit is not (or is "
                f"unsure)\nbecomes {name}: another message that was not predicted "
                f"{name}, and after the edit is"
            )
        return (
            f"{meaning}\nof: messages that the edit changes; in brackets: the 95 % "
            "interval\ncontrol: the same messages with harmless words, as long as what "
            "the edit changes"
        )

    def _worst(self) -> Iterator[str]:
        """The strongest edits with the messages that they turned."""
        strongest = self.strongest()
        if not strongest:
            yield "no edit turns a verdict"
            return
        yield "the strongest edits, and what they do to the probability of the class"
        for effect in strongest:
            yield f"{visible(effect.edit)}"
            for _, turned in _columns(effect):
                for example in turned.examples[:SHOWN]:
                    yield f"  {example}"


def _columns(effect: Effect) -> list[tuple[str, Turned]]:
    pairs = [("escapes", effect.escapes), ("alarms", effect.alarms)]
    return [(name, turned) for name, turned in pairs if turned is not None]


def _numbers(name: str, counted: Counted) -> dict[str, float | int]:
    share, low, high = counted.estimate
    ends = {f"{name}_low": low, f"{name}_high": high, f"{name}_of": counted.of}
    return {name: share if counted.of else float("nan")} | ends


def _cells(turned: Turned) -> tuple[str, str, str]:
    return turned.edit.cell(), f"{turned.edit.of:,}", turned.control.cell()


def _in_json(effect: Effect) -> dict:
    found = {"edit": effect.edit, "kind": effect.kind}
    for name, turned in _columns(effect):
        found[name] = turned.edit.to_dict() | {
            "control": turned.control.to_dict(),
            "examples": [asdict(example) for example in turned.examples],
        }
    return found
