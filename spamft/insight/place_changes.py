"""A beginning or an ending, put into a message and taken out of it again.

    CHANGES["ends with: web address"].add(text, random.Random(1))
    CHANGES["ends with: web address"].remove(text)
    CHANGES["ends with: web address"].harmless(text, changed, random.Random(1))

Any change might turn a verdict. So each has a control: the same message with harmless
words in that place, as long as what was put there. Where something was taken away, it
stays in the control, and the words stand next to it.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from spamft.insight.edits import HARMLESS
from spamft.insight.patterns import MARKS, PLACES, Place

__all__ = ["CHANGES", "Change"]

MOST = 20  # words that may have to go until a text ends with no number, say
ADDRESSES = ("pay-point.example", "my-parcel.test", "team-news.example/a7")
NUMBERS = ("48213", "350", "16", "07700 900123")


@dataclass(frozen=True)
class Change:
    """How a feature is put at the beginning or the end of a text, and taken away."""

    place: Place
    examples: tuple[str, ...]
    put: Callable[[str, str], str]  # a text and an example -> both
    cut: Callable[[str], str]  # a text -> without its first or last word, say

    def add(self, text: str, draw: random.Random) -> str:
        """`text` with a typical example there.

        As it is where it has the feature, and where `remove` would not give it back:
        no full stop is put behind "Really?".
        """
        plain = text.strip()
        added = self.put(plain, draw.choice(self.examples))
        new = not self.place.holds(plain) and self.place.holds(added)
        return added if new and self.remove(added) == plain else text

    def remove(self, text: str) -> str:
        """`text` without the feature there, and all that follows from it.

        As it is where it lacks the feature, or more than 20 words would have to go.
        """
        rest = text
        for _ in range(MOST):
            if not self.place.holds(rest):
                return rest
            rest = self.cut(rest.strip()).strip()
        return text

    def harmless(self, text: str, changed: str, draw: random.Random) -> str:
        """The control of a change: `text` with words as long as what was changed.

        They stand in that place; what `remove` took away is kept there, beside them.
        """
        text = text.strip()
        words = _words(abs(len(text) - len(changed)), draw)
        both = _behind if self.place.at_end else _before
        if not self.place.holds(text):
            return both(text, words)
        at_end = self.place.at_end
        feature = text.removeprefix(changed) if at_end else text.removesuffix(changed)
        return self.put(both(changed, words), feature.strip())


def _words(size: int, draw: random.Random) -> str:
    """At least one, and at least `size` characters."""
    words = [draw.choice(HARMLESS)]
    while (size := size - len(words[-1]) - 1) >= 0:
        words.append(draw.choice(HARMLESS))
    return " ".join(words)


def _behind(text: str, word: str) -> str:
    return f"{text} {word}" if text else word


def _before(text: str, word: str) -> str:
    return f"{word} {text}" if text else word


def _mark_behind(text: str, mark: str) -> str:
    """A second mark of punctuation would be none that people write."""
    return text if text.endswith(tuple(MARKS)) else text + mark


def _cut_last(text: str) -> str:
    return "".join(text.rsplit(None, 1)[:-1])


def _cut_first(text: str) -> str:
    return "".join(text.split(None, 1)[1:])


def _cut_last_mark(text: str) -> str:
    """As often as it is repeated there."""
    return text.rstrip(text[-1:])


def _cut_first_mark(text: str) -> str:
    return text.lstrip(text[:1])


def _capital(text: str, _: str) -> str:
    return text[:1].upper() + text[1:]


def _no_capital(text: str) -> str:
    """Not of a word in capitals, which would be written as nobody writes: "wIN"."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


_CAPITALS = tuple(map(str.upper, HARMLESS))
_BEGIN, _END = (_before, _cut_first), (_behind, _cut_last)
_END_MARK = (_mark_behind, _cut_last_mark)
CHANGES: Mapping[str, Change] = MappingProxyType(
    {
        name: Change(PLACES[name], examples, put, cut)
        for name, examples, put, cut in (
            ("begins with: web address", ADDRESSES, *_BEGIN),
            ("begins with: number", NUMBERS, *_BEGIN),
            ("begins with: capital letter", ("",), _capital, _no_capital),
            ("begins with: word in capitals", _CAPITALS, *_BEGIN),
            ("begins with: punctuation mark", ("*", "-"), _before, _cut_first_mark),
            ("begins with: currency sign", ("£20", "$50", "€5"), *_BEGIN),
            ("ends with: web address", ADDRESSES, *_END),
            ("ends with: number", NUMBERS, *_END),
            ("ends with: word in capitals", _CAPITALS, *_END),
            ("ends with: punctuation mark", (".", "!", "?"), *_END_MARK),
            ("ends with: full stop", (".",), *_END_MARK),
            ("ends with: exclamation mark", ("!",), *_END_MARK),
            ("ends with: question mark", ("?",), *_END_MARK),
            ("ends with: currency sign", ("20£", "50$", "5€"), *_END),
        )
    }
)
