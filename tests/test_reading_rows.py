import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spamft.plumbing.errors import SpamftError
from spamft.reading.delimited import Dialect
from spamft.reading.rows import read_rows

PATH = Path("a.csv")
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def rows(content: str, delimiter=",", quotes=None, width=None):
    lines = enumerate(io.StringIO(content, newline=""), start=1)
    return list(read_rows(lines, Dialect(delimiter, quotes), width, PATH))


@given(st.lists(st.tuples(TEXT, TEXT)), st.sampled_from(",;|"))
def test_rows_that_pythons_csv_wrote_come_back(pairs, delimiter):
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(pairs)
    expected = [list(pair) for pair in pairs if "".join(pair).strip()]
    assert [row.cells for row in rows(stream.getvalue(), delimiter)] == expected


def test_each_row_knows_the_line_where_it_begins():
    content = 'a,"b\nc"\n\nd,e\r\n"f\r\n\r\n",g\nh,i\n'
    assert [row.line for row in rows(content)] == [1, 4, 5, 8]


@pytest.mark.parametrize(
    "content, complaint",
    [
        (
            "a,b\nc\n",
            r":2: expected 2 columns, found 1 \(a text with '\\n' in it needs",
        ),
        (
            "a,b\nc,d,e\n",
            r":2: expected 2 columns, found 3 \(a text with ',' in it needs",
        ),
        ('a,b\nc,"d\n', ":2: unexpected end of data: add --quotes text"),
        ('a,b\n"c"d,e\n', ":2: ',' expected after '\"': add --quotes text"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(content, complaint):
    with pytest.raises(SpamftError, match="a.csv" + complaint):
        rows(content)


def test_the_option_that_is_named_works():
    assert rows('a,b\n"c"d,e\n', quotes="text")[1].cells == ['"c"d', "e"]
