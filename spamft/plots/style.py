"""The look of every picture: one paper, few colors, and words beside it."""

import re
from base64 import b64encode
from collections.abc import Iterable
from io import BytesIO
from unicodedata import east_asian_width

import matplotlib.backends.backend_agg  # noqa: F401, before a model takes the memory
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter
from PIL import Image  # matplotlib's own dependency

from spamft.plots.fonts import fallbacks
from spamft.plumbing.display import brief, visible

__all__ = [
    "BLUE",
    "GREY",
    "NAME",
    "ORANGE",
    "PAPER",
    "Picture",
    "breadth",
    "colors",
    "in_percent",
    "literal",
    "paper",
    "slanted",
    "style",
    "told",
]

# Two hues that differ in brightness too, and are visible on white and on dark paper
BLUE, ORANGE, GREY = "#3b6fd4", "#e8871e", "#8a8a8a"
PAPER = "#fbfbf8"  # a card of its own, so that dark pages do not swallow the ink
NAME = 24  # characters of a name that are drawn
TOLD = 10  # names in a sentence


class Picture(Figure):
    """A figure with words for those who cannot see it, shown by Jupyter as a PNG."""

    alt: str = ""
    numbered: str = ""  # which names are drawn as numbers, as no font has them
    _families: tuple[str, ...] = ()  # for what the usual font lacks

    def written(self, names: Iterable[object], most: int = NAME) -> list[str]:
        """The names as they are to be drawn, cut to `most` characters.

        One that no installed font has is drawn as its place; `numbered` and `alt` tell
        which.
        """
        names = list(map(str, names))
        drawn = [literal(name, most) for name in names]
        self._families, lacking = fallbacks("".join(drawn))
        places = [k for k, name in enumerate(drawn) if lacking.intersection(name)]
        if places:
            which = told(brief(names[k], NAME) for k in places)
            self.numbered = f"no font has {which}: they are drawn as {told(places)}"
            self.alt = f"{self.alt} N{self.numbered[1:]}.".lstrip()
        for place in places:
            drawn[place] = str(place)
        return drawn

    def draw(self, renderer) -> None:
        """Draw all of it, with the fonts that its names need."""
        if self._families:
            for text in self.findobj(Text):
                families = [*text.get_fontfamily(), *self._families]
                text.set_fontfamily(list(dict.fromkeys(families)))
        super().draw(renderer)

    def _repr_mimebundle_(self, include=None, exclude=None) -> tuple[dict, dict]:
        """What Jupyter asks for: the picture, and the words in its place."""
        full, small, words = BytesIO(), BytesIO(), visible(self.alt)
        # 100 dots per inch make a picture of 6 inches as wide as a notebook's text
        self.savefig(full, format="png", dpi=100)
        # few colors are used: a palette of 64 makes a notebook's file a fifth as large
        Image.open(full).convert("RGB").quantize(64).save(small, "PNG", optimize=True)
        bundle = {
            "image/png": b64encode(small.getvalue()).decode(),
            "text/plain": words or repr(self),
        }
        return bundle, {"image/png": {"alt": words}}


def paper(
    alt: str = "", width: float = 6.0, height: float = 3.8
) -> tuple[Picture, Axes]:
    """An empty figure in this package's style, in inches, and its axes to draw on.

    `alt` describes in a sentence what will be seen on it.
    """
    figure = Picture(figsize=(width, height), layout="constrained", facecolor=PAPER)
    figure.alt = alt
    axes = figure.add_subplot()
    style(axes)
    return figure, axes


def style(axes: Axes) -> None:
    """Change `axes` to this package's style, which those of `paper` have already."""
    axes.set_facecolor(PAPER)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)


def in_percent(axes: Axes) -> None:
    """Change the y axis, of shares in 0..1, to count in percent.

    The label names the unit, so the numbers carry no sign.
    """
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=""))


def literal(text: object, most: int = NAME) -> str:
    r"""`text`, a user's, so that matplotlib draws it as it is, but not at any length.

    >>> literal("$x^$")
    '\\$x^\\$'
    """
    # between two dollars stands a formula, and a wrong one ends the drawing
    shown = brief(text, most).replace("$", r"\$")
    # matplotlib's font has no symbols for control characters
    shown = re.sub("[\u2400-\u2421]", "\ufffd", shown)
    # no legend names a label that is empty or begins with an underscore; a space of no
    # width before it changes nothing that can be seen
    return shown if shown and not shown.startswith("_") else f"\u200b{shown}"


def told(items: Iterable[object], between: str = ", ", most: int = TOLD) -> str:
    """The items in a sentence, each one brief; of many the first ones.

    >>> told("abcd", most=2)
    'a, b and 2 more'
    """
    items = list(items)
    first = between.join(brief(item, 6 * NAME) for item in items[:most])
    return f"{first} and {len(items) - most:,} more" if len(items) > most else first


def breadth(names: Iterable[str]) -> float:
    """Inches that the longest name takes at the usual size of 10 points."""
    wide = (sum(1 + (east_asian_width(c) in "WF") for c in name) for name in names)
    return 0.085 * max(wide, default=0)


def slanted(names: list[str], room: float) -> dict:
    """How to write names below an axis: level if each fits into `room` inches."""
    if breadth(names) <= room:
        return {}
    return {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}


def colors(count: int) -> list[str]:
    """As many different colors: blue, orange and grey, or more of one bright scale.

    >>> colors(2)
    ['#3b6fd4', '#e8871e']
    """
    named = [BLUE, ORANGE, GREY]
    if count <= len(named):
        return named[:count]
    # viridis grows brighter from end to end, so its order survives without hue; the
    # last tenth is a yellow that PAPER swallows
    scale = colormaps["viridis"]
    return [to_hex(scale(0.9 * i / (count - 1))) for i in range(count)]
