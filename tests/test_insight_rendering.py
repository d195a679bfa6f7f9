import pytest

from spamft.insight.rendering import Line, as_columns, as_html, as_text

LINES = [Line("rows", "12"), Line("length <alone>", "all & right", 1.0)]


def test_text_has_one_line_per_finding_in_two_columns():
    first, second = as_text(LINES).split("\n")
    assert first.split() == ["rows", "12"]
    assert first.index("12") == second.index("all & right")


@pytest.mark.parametrize("what", ["x", "x" * 80])
def test_the_findings_stand_below_each_other_however_long_a_name(what):
    lines = as_text([*LINES, Line(what, "12")]).split("\n")
    assert lines[0].index(" 12") == lines[2].index(" 12")


def test_html_has_one_row_per_finding_and_a_bar_per_share():
    page = as_html(LINES)
    assert page.count("<tr>") == 2 and page.count("<div") == 1
    assert "width:120px" in page


def test_html_shows_markup_instead_of_obeying_it():
    assert "length &lt;alone&gt;" in as_html(LINES)
    assert "all &amp; right" in as_html(LINES)


def test_no_finding_can_act_or_begin_another_line():
    lines = [Line("a\nrows", "1\x1b[2J\n2"), Line('"><img>', "'")]
    text, page = as_text(lines), as_html(lines)
    assert len(text.splitlines()) == 2 and "\x1b" not in text + page
    assert "<img" not in page and "\n" not in page


def test_columns_are_as_wide_as_their_widest_cell_and_headings_are_no_cells():
    rows = [["", "share", "of"], "a heading that is long", ["edit", "5", "1,000"]]
    head, heading, row = as_columns(rows).split("\n")
    assert heading == rows[1] and len(head) == len(row)
    assert row.split() == ["edit", "5", "1,000"] and head.index("share") > len("edit")


def test_no_cell_can_act():
    assert as_columns([["a\x1b", "1\n2"], "b\nc"]) == "a␛  1␊2\nb␊c"
