"""Text of strangers, made harmless for a terminal, a page, an error and a spreadsheet.

visible(text)            control characters as symbols, so that none of them acts
brief(text)              the same, cut to what an error may quote
naming(path)             the errors of a block name the file that they are about
in_markdown(text)        nothing in it formats, links or ends a table's cell
in_counts(counts)        "4,825 ham, 747 spam", of many names only the first
mark_formula(cell)       an apostrophe before what a spreadsheet would compute
unmark_formula(cell)     the exact inverse
"""

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from spamft.plumbing.errors import SpamftError

__all__ = [
    "brief",
    "in_counts",
    "in_markdown",
    "mark_formula",
    "naming",
    "unmark_formula",
    "visible",
]

SHORT = 300  # characters that are quoted in an error

# C0 controls have pictures in Unicode; the others that act get their number: C1
# controls, line and paragraph separators, overrides of direction, halves of a pair
_ACTING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# what formats inside a line of Markdown, and what makes its start a heading or a list
_MARKS = re.compile(r"[\\`*_~\[\]|$]|^\s*(?:[#+=-]|\d+[.)])")
# what spreadsheets take for a formula, perhaps behind marks that are there already
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,4})?")


def visible(text: str, keep: str = "") -> str:
    r"""`text` on one line, with a symbol for each character that would act.

    >>> visible("WIN\x1b[2J\nnow")
    'WIN␛[2J␊now'
    """

    def symbol(match: re.Match) -> str:
        character = match.group()
        if character in keep:
            return character
        if character < " ":
            return chr(0x2400 + ord(character))
        return "␡" if character == "\x7f" else f"<U+{ord(character):04X}>"

    return _ACTING.sub(symbol, text)


def in_markdown(text: str) -> str:
    r"""`text` on one line of Markdown, which shows every character of it.

    >>> in_markdown("a|b <i>")
    'a\\|b &lt;i&gt;'
    """
    escaped = _MARKS.sub(lambda m: f"{m[0][:-1]}\\{m[0][-1]}", visible(text))
    return html.escape(escaped, quote=False)


def in_counts(counts: Mapping[str, int], most: int = 10) -> str:
    """How many of each name there are, on one line; of many the `most` frequent.

    >>> in_counts({"ham": 4825, "spam": 747})
    '4,825 ham, 747 spam'
    """
    pairs = list(counts.items())
    if len(pairs) > most:  # thousands of labels would fill pages
        pairs = sorted(pairs, key=lambda pair: -pair[1])[:most]
    line = ", ".join(f"{count:,} {visible(str(name))}" for name, count in pairs)
    rest = len(counts) - len(pairs)
    return f"{line}, and {rest:,} labels more" if rest else line


def brief(text: object, most: int = SHORT) -> str:
    r"""`text` on one line, as `visible` shows it, and cut after `most` characters.

    >>> brief("WIN\nnow"), brief("x" * 99, 9)
    ('WIN␊now', 'xxxxxxxx…')
    """
    shown = visible(str(text)[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


@contextmanager
def naming(path: Path | str) -> Iterator[None]:
    """Let every SpamftError of the block name `path`, on one short line.

    >>> with naming("a.csv"):
    ...     raise SpamftError("no such column")
    Traceback (most recent call last):
    spamft.plumbing.errors.SpamftError: a.csv: no such column
    """
    try:
        yield
    except SpamftError as error:
        said = str(error) if str(path) in str(error) else f"{path}: {error}"
        raise type(error)(brief(said, SHORT + len(str(path)))) from error


def mark_formula(cell: str) -> str:
    """An apostrophe before a cell that a spreadsheet would compute; others as they are.

    >>> mark_formula("=1+1"), mark_formula("-5"), mark_formula("hi")
    ("'=1+1", '-5', 'hi')
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def unmark_formula(cell: str) -> str:
    """What `mark_formula` was given.

    >>> unmark_formula("'=1+1"), unmark_formula("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
