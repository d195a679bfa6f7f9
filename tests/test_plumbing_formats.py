from pathlib import Path

import pytest

from spamft.plumbing.formats import read_pairs, stream_rows


@pytest.fixture
def file(tmp_path):
    """Write bytes or a text to a file, and give its path."""

    def write(content: str | bytes, name: str = "messages.csv") -> Path:
        path = tmp_path / name
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(raw)
        return path

    return write


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_in_the_uci_layout_quotes_and_odd_separators_are_text(file, end):
    texts = ['"half a quote', "tab\tinside", "line\x85separator\u2028s", ""]
    path = file("".join(f"ham\t{text}{end}" for text in texts))
    assert read_pairs(path) == [("ham", text) for text in texts]


def test_the_last_line_needs_no_end(file):
    assert read_pairs(file("spam\ta\nham\tb")) == [("spam", "a"), ("ham", "b")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_table_is_read_by_its_header(file, delimiter, mark):
    rows = [["id", "team", "body"], ["1", "bug", '"a\nb"'], ["2", "praise", "good"]]
    path = file(mark + "\n".join(delimiter.join(row) for row in rows))
    pairs = read_pairs(path, text="body", label="team")
    assert pairs == [("bug", "a\nb"), ("praise", "good")]


def test_what_looks_like_a_missing_value_is_text(file):
    pairs = read_pairs(file("Label,Text\nham,NA\nspam,null\nham,\n"))
    assert [text for _, text in pairs] == ["NA", "null", ""]


def test_kaggles_copy_is_latin_1_with_empty_columns_and_broken_texts(file):
    path = file(
        'v1,v2,,,\nham,"Go, now",,,\nspam,"a \\MIX\\" b, PO Box"," MK17"," 16",\n'
        "ham,\xa3 5,,,\n".encode("latin-1")
    )
    assert read_pairs(path) == [
        ("ham", "Go, now"),
        ("spam", 'a \\MIX\\ b, PO Box", MK17, 16'),
        ("ham", "£ 5"),
    ]


def test_commas_at_the_end_of_kaggles_texts_stay(file):
    assert read_pairs(file('v1,v2,,,\nham,"wait,,,",,,\n')) == [("ham", "wait,,,")]


def test_kaggles_empty_lines_are_no_rows_and_other_columns_no_reason_to_stumble(file):
    assert read_pairs(file("v1,v2,,,\nham,a,,,\n\nspam,b\n")) == [
        ("ham", "a"),
        ("spam", "b"),
    ]
    assert read_pairs(file("v1,v2,Text,Label\n1,2,a,ham\n")) == [("ham", "a")]


def test_a_first_message_that_looks_like_no_header_is_a_message(file):
    assert read_pairs(file('ham\t"id"x,\rLabel\n')) == [("ham", '"id"x,\rLabel')]
    assert read_pairs(file("ham\t" + "x" * 200_000))[0][0] == "ham"


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("Label,Text\rham,hi\r", ":1: expected columns 'Label' and 'Text'"),
        ("", " is empty: expected one message per line"),
        (" \n\n", " is empty: expected one message per line"),
        ("Label,Text\n", " contains a header but no messages"),
        ("ham\tok\nno tab here\n", ":2: expected a tab in 'no tab here'"),
        ("ham\tok\n\nham\tok\n", ":2: expected a tab in ''"),
        ("ham\tok\nhan\tok\n", ":2: unknown label 'han', expected ham or spam"),
        ("a,b\n1,2\n", ":1: expected columns 'Label' and 'Text' in the header"),
        ("Label,Text\nham,ok\nham,a,b\n", ":3: expected 2 columns, found 3"),
        ("Label,Text\nham,ok\nham\n", ":3: expected 2 columns, found 1"),
        ("Label,Text\nham,ok\n,text\n", ":3: expected a label, found an empty one"),
        ('Label,Text\nham,"a\nb"\nham,"never closed\n', ":4: unexpected end of data"),
        ('Label,Text\nham,"a"b\n', ":2: ',' expected after '\"'"),
        ('"Label";"Text"ham;"Text"\nham;a\n', ":1: expected columns 'Label'"),
        ('Label,"Text\nham,a\n', ":1: expected columns 'Label' and 'Text'"),
        ("v1,v2,,,\nspa", ":2: expected 5 columns, found 1"),
        (b"ham\tok\nham\t\xff\n", ":2: byte 0xff is not UTF-8"),
    ],
)
def test_what_does_not_fit_is_named_with_its_line(file, content, complaint):
    path = file(content)
    with pytest.raises(ValueError) as error:
        read_pairs(path)
    assert str(error.value).startswith(f"{path}{complaint}")


@pytest.mark.parametrize("content", ["\U000e0001" * 999, "ham\ta\n" + "\0" * 9999])
def test_however_long_or_odd_a_line_is_the_error_is_short(file, content):
    path = file(content)
    with pytest.raises(ValueError) as error:
        read_pairs(path)
    assert len(str(error.value)) < 350 + len(str(path))


def test_a_missing_column_is_named(file):
    with pytest.raises(ValueError, match="expected columns 'team' and 'Text'"):
        read_pairs(file("Label,Text\nham,ok\n"), label="team")


def test_rows_stream_with_all_their_columns(file):
    path = file('id,Text\n1,"a, b\nc"\n2,d\n')
    header, place, rows = stream_rows(path, "Text")
    assert (header, place) == (["id", "Text"], 1)
    assert list(rows) == [["1", "a, b\nc"], ["2", "d"]]


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("id,body\n1,a\n", ":1: expected a column 'Text' in the header"),
        ("", ":1: expected a column 'Text' in the header"),
        ("id,Text\n1,a\n2\n", ":3: expected 2 columns, found 1"),
        ('id,Text\n1,a\n2,"b\n', ":3: unexpected end of data"),
        (b"id,Text\n1,\xff\n", ":1 or after: invalid start byte"),
    ],
)
def test_streaming_names_what_does_not_fit(file, content, complaint):
    path = file(content)
    with pytest.raises(ValueError) as error:
        list(stream_rows(path, "Text")[2])
    assert str(error.value).startswith(f"{path}{complaint}")
