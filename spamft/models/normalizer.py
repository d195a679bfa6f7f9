"""A text -> the text that people see in it, before it becomes tokens.

    Normalizer(look_alikes())("Ｆ\u200bRЕЕ")       "FREE"
    NormalizingEncoding(tokenizer, normalizer)   a tokenizer that reads every text so

NFKC, Unicode's rule for other forms of the same letters, writes full-width ones as the
usual ones; characters that nobody sees are left out; letters of other scripts that look
like Latin ones become those.
"""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import tiktoken

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = [
    "Normalizer",
    "NormalizingEncoding",
    "latin_share",
    "look_alikes",
    "normalizer_of",
    "plain_of",
]

LETTERS = frozenset(string.ascii_letters)
# Beside those of the category Cf, such as zero-width spaces and soft hyphens: fillers
# of Hangul, vowels of Khmer that are not written, and what chooses a variant of a sign
UNSEEN = re.compile(
    "[\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
MARKS = re.compile("[\u0300-\u036f]+")  # accents without a letter that has them
MOST_MARKS = 30  # on one letter; Unicode's own bound, since they take long to sort


@dataclass(frozen=True)
class Normalizer:
    """Writes a text as people see it; what it wrote, it leaves as it is.

    `table` says for each look-alike which Latin letters it stands for. Raises
    SpamftError for a table of anything else.
    """

    table: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.table, dict):
            raise SpamftError("a table of look-alikes names letters by character")
        for character, letters in self.table.items():
            known = isinstance(character, str) and isinstance(letters, str)
            alone = known and len(character) == 1 and not character.isascii()
            if not alone or not (letters.isascii() and letters.isalpha()):
                pair = brief(f"{character!r}: {letters!r}")
                raise SpamftError(f"{pair} is no look-alike of Latin letters")

    def __call__(self, text: str) -> str:
        """The text that people see."""
        if text.isascii():
            return text
        while (seen := self._write(text)) != text:  # letters may compose once more
            text = seen
        return text

    def _write(self, text: str) -> str:
        composed = unicodedata.normalize("NFKC", _visible(text))
        return MARKS.sub("", composed).translate(self._letters)

    @cached_property
    def _letters(self) -> dict[int, str]:
        return str.maketrans(self.table)

    def to_dict(self) -> dict:
        """All of it, for JSON; `from_dict` reads it."""
        return {"table": self.table}

    @classmethod
    def from_dict(cls, entries: dict) -> "Normalizer":
        """The exact inverse of `to_dict`. Raises SpamftError."""
        if entries.keys() != {"table"}:
            raise SpamftError("a normalizer has a table and nothing else")
        return cls(entries["table"])


class NormalizingEncoding(tiktoken.Encoding):
    """The encoding `plain`, which reads every text as `normalizer` writes it."""

    def __init__(self, plain: tiktoken.Encoding, normalizer: Normalizer):
        self.__dict__.update(vars(plain))  # shared, so that nothing is built twice
        self.plain, self.normalizer = plain, normalizer

    n_vocab = property(lambda self: self.plain.n_vocab)

    def encode_ordinary(self, text: str) -> list[int]:
        """Token ids of the text that people see."""
        return self.plain.encode_ordinary(self.normalizer(text))

    def encode(self, text: str, **special) -> list[int]:
        """The same with special tokens, as tiktoken has them."""
        return self.plain.encode(self.normalizer(text), **special)

    def __reduce__(self):  # a copy of tiktoken's own kind would forget the normalizer
        return NormalizingEncoding, (self.plain, self.normalizer)


def normalizer_of(encoding: tiktoken.Encoding) -> Normalizer | None:
    """How it reads texts, if not as they are."""
    return getattr(encoding, "normalizer", None)


def plain_of(encoding: tiktoken.Encoding) -> tiktoken.Encoding:
    """The same without a normalizer."""
    return getattr(encoding, "plain", encoding)


def latin_share(texts: Iterable[str]) -> float:
    """The share of Latin letters, 0..1, among all letters of some texts."""
    counts, normalizer = Counter(), Normalizer()
    for text in texts:
        counts.update(normalizer(text))
    letters = {c: n for c, n in counts.items() if c.isalpha()}
    latin = sum(n for c, n in letters.items() if _script(c) == "LATIN")
    return latin / max(sum(letters.values()), 1)


def look_alikes() -> dict[str, str]:
    """Characters that look like one Latin letter, and that letter.

    They are letters of other scripts and pictographic symbols: Latin letters, digits,
    punctuation and signs of arithmetic have a meaning of their own. Unicode's list of
    confusables comes with the library `confusable_homoglyphs`; without it SpamftError
    is raised.
    """
    try:
        from confusable_homoglyphs.confusables import confusables_data
    except ImportError as error:
        raise SpamftError(
            "to know look-alike letters, install confusable_homoglyphs: "
            "pip install 'spamft[robust]'"
        ) from error
    listed = {
        character: [each["c"] for each in others if each["c"] in LETTERS]
        for character, others in confusables_data.items()
    }
    return {
        character: _choose(character, letters, listed)
        for character, letters in listed.items()
        if letters and _has_no_meaning_of_its_own(character)
    }


def _choose(character: str, letters: list[str], listed: dict[str, list[str]]) -> str:
    """The letter of the same case, of those that look like what is listed: of l and I,
    which look alike themselves, a capital stands for I."""
    alike = [x for x in sorted(LETTERS) if set(listed.get(x, [])) & set(letters)]
    choices = [*letters, *alike]
    same = [x for x in choices if x.isupper() == character.isupper()]
    return (same or choices)[0]


def _has_no_meaning_of_its_own(character: str) -> bool:
    """Whether it is a letter or symbol that is used for a Latin letter's look."""
    if len(character) != 1 or unicodedata.normalize("NFKC", character) != character:
        return False
    category = unicodedata.category(character)
    is_letter = category in ("Lu", "Ll", "Lo") and _script(character) != "LATIN"
    return is_letter or category == "So"


def _script(letter: str) -> str:
    """LATIN, GREEK, CYRILLIC ...: Unicode names begin with it."""
    return unicodedata.name(letter, "").partition(" ")[0]


def _visible(text: str) -> str:
    """The characters that are seen, and of marks no more than any language has."""
    kept, marks = [], 0
    for character in UNSEEN.sub("", text):
        if unicodedata.category(character) == "Cf":
            continue
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)
