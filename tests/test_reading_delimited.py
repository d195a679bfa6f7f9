import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from spamft.reading.delimited import Dialect, cells_of, is_blank, refusal

CELLS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")),
    min_size=1,
)


@given(CELLS, st.sampled_from("\t,;|"))
def test_a_line_that_pythons_csv_wrote_gives_its_cells(cells, delimiter):
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerow(cells)
    assert cells_of(stream.getvalue(), Dialect(delimiter)) == cells


@given(CELLS)
def test_with_quotes_as_text_a_line_is_cut_at_its_delimiters(cells):
    line = ";".join(cells)
    assert cells_of(line, Dialect(";", "text")) == line.split(";")


def test_a_line_that_does_not_close_its_quotes_has_no_cells_but_in_a_tsv():
    assert cells_of('ham,"hi', Dialect(",")) is None
    assert cells_of('ham\t"hi', Dialect("\t", "csv")) is None
    assert cells_of('ham\t"hi', Dialect("\t")) == ["ham", '"hi']
    assert cells_of('"h""a"\t"a"b', Dialect("\t")) == ['h"a', '"a"b']


def test_blanks_may_follow_each_delimiter():
    assert cells_of('ham, "a, b"\n', Dialect(",", None, True)) == ["ham", "a, b"]
    assert is_blank(["", " ", "\t"]) and not is_blank([" ", "a"])


def test_a_refusal_is_short_whatever_it_quotes(tmp_path):
    error = str(refusal(tmp_path, 3, "x\n" * 9999))
    assert error.startswith(f"{tmp_path}:3: x␊x") and len(error) < 400 + len(
        str(tmp_path)
    )
