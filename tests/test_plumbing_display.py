import pytest
from hypothesis import given
from hypothesis import strategies as st

from spamft.plumbing.display import (
    brief,
    mark_formula,
    naming,
    unmark_formula,
    visible,
)
from spamft.plumbing.errors import NotFiniteError


@given(st.text())
def test_what_is_visible_cannot_act_and_stays_on_its_line(text):
    shown = visible(text)
    assert shown.splitlines() in ([shown], [])
    assert all(c.isprintable() or c not in "\x1b\x07\x9b\u202e" for c in shown)
    assert visible(shown) == shown
    shown.encode()  # no half of a pair is left


def test_each_control_character_has_its_symbol():
    assert visible("a\x1b[31m\x07\r\n\x7f\x9b\u202e\ud83d") == (
        "a␛[31m␇␍␊␡<U+009B><U+202E><U+D83D>"
    )
    assert visible("one\ntwo\tthree", keep="\n\t") == "one\ntwo\tthree"
    assert visible("äß 😀 中文") == "äß 😀 中文"


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "  =1", "\uff1d1", "-"],
)
def test_a_formula_is_marked(cell):
    assert mark_formula(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "hi", "-5", "+49.5", "-1e9", "a=b", "'tis"])
def test_what_is_no_formula_stays_as_it_is(cell):
    assert mark_formula(cell) == cell


@given(st.text(alphabet="'=+-@ \t\r\na1.\uff1d"))
def test_the_mark_can_be_taken_away_again(cell):
    assert unmark_formula(mark_formula(cell)) == cell
    assert unmark_formula(mark_formula(mark_formula(cell))) == mark_formula(cell)


@given(st.text(max_size=50), st.integers(1, 60))
def test_what_is_brief_is_one_line_and_no_longer_than_allowed(text, most):
    shown = brief(text, most)
    assert len(shown) <= most and shown.splitlines() in ([shown], [])
    assert shown == visible(text) or shown.endswith("…")


def test_an_error_names_its_file_once_and_stays_what_it_was():
    for said in ("no column\nat all", "a.csv:3: no column", "x" * 9999):
        with pytest.raises(NotFiniteError) as error, naming("a.csv"):
            raise NotFiniteError(said)
        assert str(error.value).count("a.csv") == 1 and len(str(error.value)) < 400
        assert len(str(error.value).splitlines()) == 1
