import inspect
import re
from pathlib import Path

import pytest
from drawn import assert_legible

from spamft import diagrams
from spamft.diagrams.gallery import PLACES, save_all

DOCS = Path(__file__).parents[1] / "docs"
each = pytest.mark.parametrize("draw", [place.draw for place in PLACES])


@each
def test_every_diagram_is_legible(draw):
    assert_legible(draw())


@each
def test_every_diagram_has_words_for_those_who_cannot_see(draw):
    diagram = draw()
    assert len(diagram.words.split()) >= 25
    assert diagram.name == draw.__name__


def test_every_diagram_has_a_place_in_the_course():
    drawn = [place.draw.__name__ for place in PLACES]
    assert sorted(drawn) == sorted(diagrams.__all__)
    for place in PLACES:
        page = DOCS.parent / "notebooks" / f"{place.notebook}.ipynb"
        shown = f"diagrams.{place.draw.__name__}("
        assert shown in page.read_text(encoding="utf-8"), f"{shown} in {page.name}"


def test_every_core_notebook_has_a_diagram():
    drawn = {place.notebook.partition("_")[0] for place in PLACES}
    assert drawn >= {f"{k:02}" for k in range(9)} | {"04b", "07b"}


def test_every_diagram_can_be_drawn_with_no_arguments_and_says_what_it_shows():
    for place in PLACES:
        inspect.signature(place.draw).bind()
        assert place.draw.__doc__


def test_the_committed_page_and_its_files_are_up_to_date(tmp_path):
    """`make diagrams` draws them anew."""
    save_all(tmp_path)
    new = {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    kept = {p.relative_to(DOCS) for p in (DOCS / "diagrams").iterdir()}
    assert new == kept | {Path("diagrams.md")}
    for file in sorted(new):
        assert (tmp_path / file).read_bytes() == (DOCS / file).read_bytes(), file


def test_the_page_links_to_files_that_are_there():
    text = (DOCS / "diagrams.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (DOCS / link).exists(), link
