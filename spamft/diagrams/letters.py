"""How much room words take, and how they are cut to fit."""

import re
from collections.abc import Sequence
from html import escape
from unicodedata import east_asian_width

from spamft.plumbing.display import visible

__all__ = ["NORMAL", "SMALL", "breadth", "fitted", "shortened", "xml"]

NORMAL, SMALL = 16, 14  # pixels: nothing is written smaller


def breadth(text: str, size: int = NORMAL) -> float:
    """Pixels that a line takes at most, also in DejaVu Sans, which is a wide font.

    >>> breadth("ham") < breadth("spam") < breadth("SPAM")
    True
    """
    return size * sum(map(_ems, text))


def _ems(character: str) -> float:
    if east_asian_width(character) in "WF" or character in "mwMW@%…—⋮":
        return 1.03
    if character in "ijltfrI.,:;'!|()[]/ ":
        return 0.42
    if character.isascii() and (character.islower() or character.isdigit()):
        return 0.65
    return 0.88


def fitted(text: object, room: float, size: int = SMALL) -> str:
    """The text of a user on one line, cut where it would not fit into `room` pixels.

    >>> fitted("congratulations", 60)
    'congr…'
    """
    shown = cut = visible(str(text)[:200])
    while cut and breadth(shown, size) > room:
        cut = cut[:-1]
        shown = f"{cut}…"
    return shown


def shortened(items: Sequence, most: int) -> list:
    """The items, of more than `most` the first and last ones and None between them."""
    if len(items) <= most:
        return list(items)
    first = (most - 1) // 2
    return [*items[:first], None, *items[len(items) - (most - 1 - first) :]]


def xml(text: str) -> str:
    """The text as XML may hold it, without the two characters that it never may."""
    return escape(re.sub("[\ufffe\uffff]", "\ufffd", visible(text)), quote=False)
