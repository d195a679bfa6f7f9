"""What a reader sees of a diagram, measured on its SVG in a wide font."""

from itertools import combinations, product
from xml.etree import ElementTree

from matplotlib.font_manager import findfont, get_font

from spamft.diagrams.drawing import WIDTH, Diagram

SVG = "{http://www.w3.org/2000/svg}"
WIDE = findfont("DejaVu Sans")  # wider than the fonts that the drawings ask for
WIDE_BOLD = findfont("DejaVu Sans:bold")
Area = tuple[float, float, float, float]  # left, top, right, bottom


def width_of(text: str, size: float, bold: bool = False) -> float:
    font = get_font(WIDE_BOLD if bold else WIDE)
    font.set_size(20 * size, 72)  # large, lest widths be rounded to pixels
    # what the font lacks is as wide as a character can be: a dash of one em
    known = font.get_charmap()
    font.set_text("".join(c if ord(c) in known else "—" for c in text), 0)
    return font.get_width_height()[0] / 64 / 20


def texts(svg: str) -> dict[tuple[Area, str], str]:
    """Every line of words, by where it stands."""
    found = {}
    for node in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        size, x, base = (float(node.get(k)) for k in ("font-size", "x", "y"))
        bold = node.get("font-weight") == "bold"
        wide = width_of(node.text or "", size, bold)
        if bold:  # the bold letters asked for are not so wide as DejaVu's
            wide *= 0.94
        left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[node.get("text-anchor")]
        area = (left, base - 0.75 * size, left + wide, base + 0.2 * size)
        found[area, node.text or ""] = node.get("fill")
    return found


def words_of(diagram: Diagram) -> list[str]:
    """The lines of words, in the order in which they were drawn."""
    return [text for _, text in texts(diagram.svg)]


def boxes(svg: str) -> list[Area]:
    nodes = list(ElementTree.fromstring(svg).iter(f"{SVG}rect"))[1:]  # not the paper
    sides = [[float(n.get(k)) for k in ("x", "y", "width", "height")] for n in nodes]
    return [(x, y, x + w, y + h) for x, y, w, h in sides]


def lines(svg: str) -> list[Area]:
    """Every piece of a line, level or upright, as an area without breadth."""
    found = []
    for node in ElementTree.fromstring(svg).iter(f"{SVG}polyline"):
        points = [tuple(map(float, p.split(","))) for p in node.get("points").split()]
        for (a, b), (c, d) in zip(points, points[1:], strict=False):
            found.append((min(a, c), min(b, d), max(a, c), max(b, d)))
    return found


def overlap(one: Area, other: Area, slack: float = 0.6) -> bool:
    return (
        one[0] < other[2] - slack
        and other[0] < one[2] - slack
        and one[1] < other[3] - slack
        and other[1] < one[3] - slack
    )


def inside(one: Area, other: Area, slack: float = 0.6) -> bool:
    return (
        one[0] >= other[0] - slack
        and one[1] >= other[1] - slack
        and one[2] <= other[2] + slack
        and one[3] <= other[3] + slack
    )


def assert_legible(diagram: Diagram) -> None:
    """Nothing is cut, nothing lies on anything else, no line goes through words."""
    svg = diagram.svg
    written, drawn = list(texts(svg)), boxes(svg)
    for area, text in written:
        assert inside(area, (4, 0, WIDTH - 4, diagram.height)), f"{text!r} leaves"
        for box in drawn:
            apart = not overlap(area, box)
            assert apart or inside(area, box), f"{text!r} leaves its box"
        for line in lines(svg):
            thick = (line[0] - 1, line[1] - 1, line[2] + 1, line[3] + 1)
            assert not overlap(area, thick), f"a line goes through {text!r}"
    for (area, text), (other, words) in combinations(written, 2):
        assert not overlap(area, other), f"{text!r} lies on {words!r}"
    for line, box in product(lines(svg), drawn):
        thick = (line[0] - 1, line[1] - 1, line[2] + 1, line[3] + 1)
        assert inside(thick, box) or not overlap(thick, box, 2), f"{line} through {box}"
    for one, other in combinations(drawn, 2):
        nested = inside(one, other) or inside(other, one)
        assert nested or not overlap(one, other), f"boxes {one} and {other}"
    for box in drawn:
        assert inside(box, (4, 0, WIDTH - 4, diagram.height)), f"{box} leaves"
