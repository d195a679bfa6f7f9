import gzip
from itertools import count

import pandas as pd
import pytest

from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.reading.table import is_uci, open_table


def cells(path, layout=Layout()) -> list[list[str]]:  # noqa: B008
    with open_table(path, layout, with_label=False) as table:
        return [table.names, *(row.cells for row in table.rows)]


def test_rows_come_with_all_their_columns(file):
    path = file('id,Text\n1,"a, b\nc"\n2,d\n')
    assert cells(path) == [["id", "Text"], ["1", "a, b\nc"], ["2", "d"]]


# without the time, which would differ between the workers that collect these tests
PACKED_EMPTY = gzip.compress(b"", mtime=0)
PACKED_TWICE = gzip.compress(gzip.compress(b"Text\na", mtime=0), mtime=0)


@pytest.mark.parametrize("write", ["to_csv", "to_json", "to_parquet", "to_excel"])
def test_a_table_is_the_same_in_every_format(tmp_path, write):
    frame = pd.DataFrame({"id": ["7", "8"], "Text": ["a\nb", "c"], "n": ["x", ""]})
    path = tmp_path / "a.xlsx"
    options = {"to_json": {"orient": "records", "lines": True}}.get(
        write, {"index": False}
    )
    getattr(frame, write)(path, **options)
    assert cells(path) == [list(frame), *frame.to_numpy().tolist()]


def test_rows_are_read_as_they_are_needed(file):
    path = file("Text,n\n" + "a,1\n" * 100_000 + "b\n")
    with open_table(path, with_label=False) as table:
        assert [table.text(row) for row, _ in zip(table.rows, range(9))] == ["a"] * 9  # noqa: B905


@pytest.mark.parametrize(
    "content, complaint",
    [
        (
            "id,body\n1,a b\n",
            ":1: expected a column 'Text' in the header, .*--text body",
        ),
        ("", " is empty: expected one message per line"),
        (" \n\n", " is empty: expected one message per line"),
        ("id,Text\n1,a\n2\n", ":3: expected 2 columns, found 1"),
        ('id,Text\n1,a\n2,"b\n', ":3: unexpected end of data"),
        (b"id,Text\n1,\xff\n", ":2: byte 0xff is not UTF-8"),
        (PACKED_EMPTY, " is empty: expected one message per line"),
        (PACKED_TWICE, " is packed twice: unpack it once"),
        ('{"body": "a", "n": 1}\n', ":1: .*add --text body$"),
        ("PAR1\x15", " cannot be read as Parquet"),
    ],
)
def test_what_does_not_fit_is_named(file, content, complaint):
    path = file(content)
    with pytest.raises(SpamftError, match=f"^{path}{complaint}"):
        cells(path)


@pytest.mark.parametrize("write", ["to_json", "to_parquet", "to_excel"])
def test_without_a_header_is_for_text_files(tmp_path, write):
    path = tmp_path / "a.xlsx"
    options = {"orient": "records"} if write == "to_json" else {}
    getattr(pd.DataFrame({"Label": ["a"], "Text": ["x"]}), write)(path, **options)
    with pytest.raises(
        SpamftError, match="leave out --no-header|must name the columns"
    ):
        cells(path, Layout(no_header=True))


@pytest.mark.parametrize("text", ["{x}", "[y] z", '{"a', "{}", "[{"])
def test_a_text_that_looks_like_json_is_text_behind_a_header(file, text):
    quoted = text.replace('"', '""')
    assert cells(file(f'Text,Label\n"{quoted}",ham\n'))[1] == [text, "ham"]


def test_a_text_that_looks_like_json_before_any_header_is_named(file):
    with pytest.raises(SpamftError, match="if this is a CSV, give it a header"):
        cells(file("{} hello,ham\n"), Layout(no_header=True))


def test_the_uci_layout_is_told_from_others(file):
    assert is_uci(file("ham\ta\n")) and is_uci(file(gzip.compress(b"\nspam\ta\n")))
    assert not is_uci(file("Label\tText\nham\ta\n"))
    assert not is_uci(file("ham\ta\n"), Layout(no_header=True))


@pytest.mark.parametrize(
    "content", ["Label,Text\nham,a\n", "ham\ta\n", '{"Text": "a"}\n']
)
def test_nothing_stays_open_when_a_block_breaks(file, content, recwarn):
    for _ in zip(range(3), count(), strict=False):
        with pytest.raises(KeyError), open_table(file(content), with_label=False) as t:
            raise KeyError(next(t.rows))
    assert [w for w in recwarn if w.category is ResourceWarning] == []
