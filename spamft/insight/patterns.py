"""What a message may have: somewhere, at its beginning, or at its end.

    re.search(PATTERNS["web address"], text)
    PLACES["ends with: web address"].holds(text)

The end is what a GPT's head reads, so what stands there tells it more than anywhere
else. Every search takes steps in proportion to the text, whatever that repeats.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["ADDRESS", "MARKS", "PATTERNS", "PLACES", "Place"]

# All after the second line is for other endings than the well-known ones, and it is
# strict, because many who write an SMS leave out the space after a full stop, and
# "i am home.come over" holds no address: there must be a hyphen in the name, an "at"
# before it, or the end of a sentence or a slash after it.
#
# A repetition that can begin at many places has a bound, so that a search takes steps
# in proportion to the text, whatever that repeats: 63 is the most characters that the
# domain name system allows between two dots.
_NAME = r"[a-z0-9-]{5,63}\.[a-z]{3,63}"
ADDRESS = (
    r"(?:https?://|www\.)\S+"
    r"|\b[\w-]{1,63}\.(?:com|co|org|net|uk)\b"
    r"|\b[a-z0-9]{1,63}-[a-z0-9-]{0,63}\.[a-z]{2,63}\b"
    rf"|(?<=\bat ){_NAME}|\b{_NAME}(?=/|[.,!?:;)]|\s*$)"
)
PATTERNS = {
    "HTML entity": r"&(?:[a-z]+|#\d+);",
    "web address": ADDRESS,
    "currency sign": r"[£$€¥₹]",
    "run of 5 or more digits": r"\d{5,}",
    "digit": r"\d",
    "word in capitals": r"\b[A-Z]{3,}\b",
    "exclamation mark": r"!",
    "question mark": r"\?",
    "quotation mark at the start": r"^\"",
    "letter beyond ASCII": r"[^\x00-\x7f]",
    "broken encoding": r"[\x80-\x9f\ufffd]|Ã.|â€|Â[£ ]",
}
MARKS = "!?.,:;…'\"()[]{}/\\*#&%@_-–—«»‘’“”¡¿"  # of punctuation
_MARK = f"[{re.escape(MARKS)}]"
# A text begins with one of these from its first character on. "win-now.shop.example"
# and "you@win-now.example" begin, and end, with an address as a whole.
_BEGINNINGS = {
    "web address": rf"[\w.@-]{{0,63}}?(?:{ADDRESS})",
    "number": r"\d(?:[^\w\s]*\d)*[^\w\s]*(?!\S)",
    "capital letter": r"[A-ZÀ-ÖØ-Þ]",
    "word in capitals": r"[A-Z]{3,}[^\w\s]*(?!\S)",
    "punctuation mark": _MARK,
    "currency sign": PATTERNS["currency sign"],
}
# A text ends with one of these if its last word as a whole is one. An address and a
# full stop after it are the end of a sentence, not an address.
_ENDINGS = {
    "web address": rf"(?=\S*[\w/]\Z)\S{{0,63}}?(?:{ADDRESS})(?:/\S*)?",
    "number": r"(?:[^\w\s]*\d)+",
    "word in capitals": r"[^\w\s]*[A-Z]{3,}",
    "punctuation mark": rf"\S*{_MARK}",
    "full stop": r"\S*\.",
    "exclamation mark": r"\S*!",
    "question mark": r"\S*\?",
    "currency sign": rf"\S*{PATTERNS['currency sign']}",
}


@dataclass(frozen=True)
class Place:
    """A feature of the beginning of a text, or of its end; spaces are no part of it."""

    pattern: str
    at_end: bool

    def holds(self, text: str) -> bool:
        """Whether `text` has the feature there."""
        if not self.at_end:
            return re.match(self.pattern, text.lstrip()) is not None
        # a search for what stands before the end would begin at every character
        words = text.rsplit(None, 1)
        return bool(words) and re.fullmatch(self.pattern, words[-1]) is not None


PLACES: Mapping[str, Place] = MappingProxyType(
    {f"begins with: {what}": Place(each, False) for what, each in _BEGINNINGS.items()}
    | {f"ends with: {what}": Place(each, True) for what, each in _ENDINGS.items()}
)
