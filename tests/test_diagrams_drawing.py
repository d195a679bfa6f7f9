import re
from xml.etree import ElementTree

import pytest
from drawn import SVG, assert_legible, boxes, words_of

from spamft.diagrams.drawing import COLORS, LEFT, RIGHT, Diagram
from spamft.plumbing.errors import SpamftError


def luminance(color):
    """As WCAG 2 defines it."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(c * w for c, w in zip(parts, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def drawing():
    drawing = Diagram("toy", "A toy", "A box with an arrow, and a grid.", 300)
    drawing.box(LEFT, 50, 100, 50, "first\nsecond")
    drawing.arrow((66, 100), (66, 140))
    drawing.grid(LEFT, 140, [["a", "b"], ["c", "d"]], 40, 26, colors={(0, 1): "grey"})
    drawing.bracket(LEFT, 96, 200, "two")
    return drawing


@pytest.mark.parametrize("scheme", [0, 1])
def test_words_and_lines_stand_out_on_light_and_on_dark_paper(scheme):
    color = {name: pair[scheme] for name, pair in COLORS.items()}
    for ground in ("paper", "blue fill", "orange fill", "grey fill"):
        assert contrast(color["ink"], color[ground]) >= 7
    assert contrast(color["quiet"], color["paper"]) >= 4.5
    for line in ("rule", "blue", "orange", "grey"):
        assert contrast(color[line], color["paper"]) >= 3


def test_every_color_changes_with_the_paper(drawing):
    root = ElementTree.fromstring(drawing.svg)
    style = root.find(f"{SVG}style").text
    assert style.startswith("@media (prefers-color-scheme: dark)")
    for node in root.iter():
        for kind in ("fill", "stroke"):
            color = node.get(kind, "none")
            assert color == "none" or f'[{kind}="{color}"]' in style


def test_light_colors_name_one_thing_each():
    light = [pair[0] for pair in COLORS.values()]
    assert len(set(light)) == len(light)


def test_words_stand_where_they_were_put(drawing):
    assert words_of(drawing) == ["A toy", "first", "second", *"abcd", "two"]
    assert len(boxes(drawing.svg)) == 5
    assert_legible(drawing)


def test_those_who_cannot_see_are_told(drawing):
    root = ElementTree.fromstring(drawing.svg)
    ids = root.get("aria-labelledby").split()
    told = [node.text for node in root.iter() if node.get("id") in ids]
    assert root.get("role") == "img" and told == [drawing.title, drawing.words]


def test_a_notebook_shows_the_drawing_and_has_the_words(drawing):
    bundle = drawing._repr_mimebundle_()
    assert bundle["image/svg+xml"] == drawing.svg
    assert bundle["text/plain"] == "A toy. A box with an arrow, and a grid."


def test_a_telephone_can_show_letters_that_can_be_read(drawing):
    sizes = map(float, re.findall(r'font-size="([\d.]+)"', drawing.svg))
    shown = 375 - 2 * 16  # pixels for a picture beside a page's margins
    assert min(sizes) * shown / (RIGHT + LEFT) >= 10


def test_what_a_user_writes_is_text(drawing):
    drawing.text(240, 250, "<script>&\x00\nnext")
    ElementTree.fromstring(drawing.svg)
    assert words_of(drawing)[-2:] == ["<script>&␀", "next"]


def test_it_is_saved_whole_and_as_svg(drawing, tmp_path):
    path = drawing.save(tmp_path / "new" / "toy.svg")
    assert path.read_text(encoding="utf-8") == drawing.svg
    with pytest.raises(SpamftError, match=r"a diagram is SVG: name it toy\.svg"):
        drawing.save(tmp_path / "toy.png")
    assert [p.name for p in tmp_path.iterdir()] == ["new"]
