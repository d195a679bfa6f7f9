"""Characters -> the installed fonts that have them."""

import re
from functools import lru_cache

from matplotlib import rcParams
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

__all__ = ["fallbacks"]

# Fonts that have a box for every character, and fonts of formulas, whose characters
# are other signs than their numbers say
_NOT_FOR_TEXT = re.compile(
    r"\W?Last ?Resort|cm[a-z]+10|STIX(NonUnicode|Size)|Wingd|.*Math"
)


def fallbacks(text: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Families that have what the usual font lacks of `text`; what none of them has.

    >>> fallbacks("Grüße")
    ((), frozenset())
    """
    usual = {code for family in _usual() for code in _characters(family)}
    lacking = frozenset(text) - set(map(chr, usual))
    return _search(lacking, len(fontManager.ttflist)) if lacking else ((), lacking)


def _usual() -> list[str]:
    """The families that matplotlib takes where nothing is said."""
    family = rcParams["font.family"]
    return [family] if isinstance(family, str) else list(family)


def _characters(family: str) -> set[int]:
    return set(get_font(findfont(FontProperties(family=[family]))).get_charmap())


@lru_cache(64)
def _search(
    lacking: frozenset[str], fonts: int
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Go through the installed `fonts` until nothing is lacking."""
    chosen, wanted = [], set(map(ord, lacking))
    for family, path in _installed():
        has = wanted.intersection(get_font(path).get_charmap()) if wanted else ()
        # of several files of one family another one may be drawn with
        if has and findfont(FontProperties(family=[family])) == path:
            chosen.append(family)
            wanted -= has
    return tuple(chosen), frozenset(map(chr, wanted))


def _installed() -> list[tuple[str, str]]:
    """Family and file of each upright font of usual weight, matplotlib's own first."""
    fonts = {
        (font.name, font.fname)
        for font in fontManager.ttflist
        if font.style == "normal" and font.weight in (400, "normal", "regular")
        if not _NOT_FOR_TEXT.match(font.name)
    }
    return sorted(fonts, key=lambda font: (font[0] != "DejaVu Sans", font))
