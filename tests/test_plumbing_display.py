import html
import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_messages import PIECES, repeated

from spamft.plumbing.display import (
    brief,
    in_counts,
    in_markdown,
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
    kinds = {unicodedata.category(c) for c in shown}
    assert not kinds & {"Cc", "Cs", "Zl", "Zp"} and "\u202e" not in shown
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


@given(st.text())
def test_markdown_shows_every_character_and_obeys_none(text):
    page = in_markdown(text)
    plain = html.unescape(re.sub(r"\\(.)", r"\1", page))
    assert plain == visible(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`*_\[\]<>]", page)
    assert len(page.splitlines()) <= 1


@pytest.mark.parametrize("start", ["# a", "- a", "+ a", "1. a", "=== a", "  ## a"])
def test_markdown_takes_no_text_for_a_heading_or_a_list(start):
    assert in_markdown(start).lstrip()[0] == "\\" or in_markdown(start) == "1\\. a"


def test_a_cell_of_markdown_stays_one_cell():
    assert in_markdown("a|b") == r"a\|b"
    assert in_markdown("<img src=x>") == "&lt;img src=x&gt;"
    assert in_markdown("[a](javascript:b)") == r"\[a\](javascript:b)"


def test_counts_are_on_one_line_and_of_many_only_the_most_frequent_are_named():
    assert in_counts({"b": 2, "a\n9 c": 1000}) == "2 b, 1,000 a␊9 c"
    many = {f"n{i}": i for i in range(20_000)}
    line = in_counts(many)
    assert line.startswith("19,999 n19999, ") and len(line) < 200
    assert line.endswith(", and 19,990 labels more")


def test_long_and_hostile_text_takes_time_in_proportion_to_its_length():
    began = time.process_time()
    for piece in PIECES:
        text = repeated(piece)
        assert visible(visible(text)) == visible(text)
        assert unmark_formula(mark_formula(text)) == text
        assert len(in_markdown(text)) >= len(text)
    assert time.process_time() - began < 20


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
