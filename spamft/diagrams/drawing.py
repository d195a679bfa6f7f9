"""What every diagram is drawn with: boxes, arrows, grids, brackets, words.

A diagram is as wide as a telephone can show with letters that can be read, so it goes
from top to bottom. Colors have one meaning each: blue is what runs, orange what the
picture is about (what trains, is read, leaks), grey what does not count. Nothing is
told by color alone.
"""

from collections.abc import Sequence
from pathlib import Path

from spamft.diagrams.letters import NORMAL, SMALL, xml
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file

__all__ = ["COLORS", "LEFT", "RIGHT", "WIDTH", "Diagram"]

WIDTH = 480
LINE = 1.35  # from line to line, in sizes of the letters
LEFT, RIGHT = 16, WIDTH - 16
COLORS = {  # name: on light paper, on dark paper
    "paper": ("#fbfbf8", "#1c2128"),
    "ink": ("#1f2328", "#e8ebef"),
    "quiet": ("#57606a", "#aab3bf"),
    "rule": ("#7a828c", "#8b949f"),
    "blue": ("#3b6fd4", "#6c9bf0"),
    "blue fill": ("#e2ebfa", "#22365c"),
    "orange": ("#c46a08", "#f0a04b"),
    "orange fill": ("#fdebd3", "#583510"),
    "grey": ("#8a8a86", "#8a9098"),
    "grey fill": ("#ececea", "#30363d"),
}
# Measured alike on every system: Liberation Sans has the widths of the other two
FONT = "Helvetica, Arial, 'Liberation Sans', sans-serif"


class Diagram:
    """A drawing in SVG with words for those who cannot see it.

    The last line of a notebook's cell shows it. It has a paper of its own, light or
    dark as the reader's system is, so any page may lie behind it.
    """

    def __init__(self, name: str, title: str, words: str, height: int):
        self.name, self.title, self.words, self.height = name, title, words, height
        self._parts: list[str] = []
        self.text(LEFT, 28, title, anchor="start", size=17, bold=True)

    def text(
        self,
        x: float,
        y: float,
        words: object,
        *,
        size: int = NORMAL,
        anchor: str = "middle",
        color: str = "ink",
        bold: bool = False,
    ) -> None:
        """Write lines, the middle of the first one at `y`."""
        weight = ' font-weight="bold"' if bold else ""
        for i, line in enumerate(str(words).split("\n")):
            # not dominant-baseline: some programs that show SVG do not know it
            base = y + 0.35 * size + i * LINE * size
            self._parts.append(
                f'<text x="{x:g}" y="{base:g}" font-size="{size}" '
                f'text-anchor="{anchor}"{weight} fill="{COLORS[color][0]}">'
                f"{xml(line)}</text>"
            )

    def note(self, x: float, y: float, words: object, anchor: str = "start") -> None:
        """Write small quiet lines."""
        self.text(x, y, words, size=SMALL, anchor=anchor, color="quiet")

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        words: object = "",
        *,
        color: str = "blue",
        size: int = NORMAL,
        dashed: bool = False,
        radius: int = 5,
    ) -> None:
        """A box with lines of words in its middle."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
            f'rx="{radius}" fill="{COLORS[f"{color} fill"][0]}" '
            f'stroke="{COLORS[color][0]}" stroke-width="1.5"{dash}/>'
        )
        if words != "":
            lines = str(words).count("\n")
            first = y + height / 2 - lines * LINE * size / 2
            self.text(x + width / 2, first, words, size=size)

    def grid(
        self,
        x: float,
        y: float,
        rows: Sequence[Sequence[object]],
        width: float,
        height: float,
        color: str = "blue",
        colors: dict[tuple[int, int], str] | None = None,
    ) -> None:
        """Cells of `width` by `height`; `colors` are those of single (row, column)."""
        for i, row in enumerate(rows):
            for j, cell in enumerate(row):
                own = (colors or {}).get((i, j), color)
                place = x + j * width, y + i * height
                self.box(*place, width, height, cell, color=own, size=SMALL, radius=0)

    def line(
        self,
        *points: tuple[float, float],
        color: str = "rule",
        width: float = 1.5,
        dashed: bool = False,
    ) -> None:
        """A line from point to point."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{COLORS[color][0]}" '
            f'stroke-width="{width:g}"{dash}/>'
        )

    def arrow(self, *points: tuple[float, float], color: str = "rule") -> None:
        """A line from point to point, with a head at the last; level or upright."""
        (x0, y0), (x1, y1) = points[-2:]
        dx, dy = (x1 > x0) - (x1 < x0), (y1 > y0) - (y1 < y0)
        back = x1 - 8 * dx, y1 - 8 * dy
        self.line(*points[:-1], back, color=color)
        sides = [(back[0] + s * 4.5 * dy, back[1] + s * 4.5 * dx) for s in (1, -1)]
        path = " ".join(f"{x:g},{y:g}" for x, y in [(x1, y1), *sides])
        self._parts.append(f'<polygon points="{path}" fill="{COLORS[color][0]}"/>')

    def plus(self, x: float, y: float) -> None:
        """A circle in which two arrows are added."""
        fill, stroke = COLORS["orange fill"][0], COLORS["orange"][0]
        self._parts.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="13" fill="{fill}" stroke="{stroke}" '
            'stroke-width="1.5"/>'
        )
        self.line((x - 6, y), (x + 6, y), color="ink", width=2)
        self.line((x, y - 6), (x, y + 6), color="ink", width=2)

    def bracket(self, start: float, end: float, y: float, words: object) -> None:
        """A bracket that opens upward over level ground, its words below it."""
        self.line((start, y), (start, y + 7), (end, y + 7), (end, y))
        self.text((start + end) / 2, y + 20, words, size=SMALL)

    @property
    def svg(self) -> str:
        """The drawing as the text of a file."""
        ids = f"{self.name}-title {self.name}-words"
        dark = "".join(
            f'.spamft-diagram [{kind}="{light}"]{{{kind}:{night}}}'
            for light, night in COLORS.values()
            for kind in ("fill", "stroke")
        )
        parts = "\n".join(self._parts)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" class="spamft-diagram" '
            f'role="img" aria-labelledby="{ids}" viewBox="0 0 {WIDTH} {self.height}" '
            f'width="{WIDTH}" height="{self.height}" font-family="{FONT}" '
            'style="max-width:100%;height:auto">\n'
            f'<title id="{self.name}-title">{xml(self.title)}</title>\n'
            f'<desc id="{self.name}-words">{xml(self.words)}</desc>\n'
            f"<style>@media (prefers-color-scheme: dark){{{dark}}}</style>\n"
            f'<rect width="{WIDTH}" height="{self.height}" rx="8" '
            f'fill="{COLORS["paper"][0]}"/>\n{parts}\n</svg>\n'
        )

    def save(self, path: Path | str) -> Path:
        """Write the drawing to `path`, whose name ends in .svg; return the path."""
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise SpamftError(f"{path}: a diagram is SVG: name it {path.stem}.svg")
        with whole_file(path) as part:
            part.write_text(self.svg, encoding="utf-8")
        return path

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        """What Jupyter asks for: the drawing, and the words in its place."""
        words = f"{self.title}. {self.words}"
        return {"image/svg+xml": self.svg, "text/plain": words}
