"""A Normalizer -> the same in Hugging Face's `tokenizers`.

Each of its steps is a replacement by a pattern, with the characters of this Python's
Unicode written out, so that another Unicode elsewhere changes nothing. They are done
several times, for a letter may compose once more. One thing cannot be written so: a
mark that theirs does not know yet, of N'Ko or Telugu say, keeps the accent behind it
from the letter before it.
"""

import sys
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

from spamft.models.normalizer import MARKS, MOST_MARKS, UNSEEN, Normalizer
from spamft.plumbing.extras import needed

__all__ = ["hf_normalizer"]

TIMES = 3  # one more than what composes needs


def hf_normalizer(normalizer: Normalizer) -> Any:
    """A normalizer of `tokenizers` that writes texts as `normalizer` does."""
    tokenizers = needed("tokenizers", "to write tokenizer.json", "export")
    steps, regex = tokenizers.normalizers, tokenizers.Regex

    def replace(pattern: str, by: str = "") -> Any:
        return steps.Replace(regex(pattern), by)

    marks = _class_of(_characters(unicodedata.combining))
    once = [
        replace(UNSEEN.pattern),
        replace(_class_of(_characters(lambda c: unicodedata.category(c) == "Cf"))),
        replace(f"(?<={marks}{{{MOST_MARKS}}}){marks}"),
        *(steps.Replace(c, written) for c, written in _newer(steps.NFKC()).items()),
        steps.NFKC(),
        replace(MARKS.pattern),
    ]
    alike = defaultdict(list)
    for character, letters in normalizer.table.items():
        alike[letters].append(character)
    once += [replace(_class_of(some), letters) for letters, some in alike.items()]
    return steps.Sequence(once * TIMES)


def _newer(theirs: Any) -> dict[str, str]:
    """What this Python's NFKC writes for a character that theirs does not know yet."""
    forms = _characters(unicodedata.decomposition)
    ours = {c: unicodedata.normalize("NFKC", c) for c in forms}
    return {c: form for c, form in ours.items() if theirs.normalize_str(c) != form}


def _characters(belongs: Callable[[str], Any]) -> list[str]:
    """All of Unicode that do."""
    return [c for c in map(chr, range(sys.maxunicode + 1)) if belongs(c)]


def _class_of(characters: Iterable[str]) -> str:
    """A pattern for one of these characters: a row of ranges.

    >>> _class_of("abcx")
    '[a-cx-x]'
    """
    numbers = sorted(map(ord, characters))
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    ranges = ([number for _, number in run] for _, run in runs)
    return "[" + "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in ranges) + "]"
