import gzip
import zipfile

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.reading.pairs import read_pairs
from spamft.reading.table import open_table

LABELS = st.sampled_from(["ham", "spam", "0", "N/A", "a,b", 'the "x"', "=1", "שלום"])
EDGES = [
    "tab\tinside",
    '"q"',
    'a "b',
    "x\ny",
    " x",
    "x ",
    "=1+1",
    "😀",
    "שלום\u200f",
    "a;b|c",
    "'",
    "{",
    "[x",
    "\ufeffx",
]
CELLS = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('",;|\t\n\\')
TEXTS = st.sampled_from(EDGES) | st.text(CELLS, min_size=1)
FRAMES = st.lists(st.tuples(LABELS, TEXTS), min_size=1, max_size=8).filter(
    lambda pairs: all(pair != ("Label", "Text") for pair in pairs)
)


def to_zip(frame, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", frame.to_csv(index=False, lineterminator="\n"))


WRITERS = {
    "csv": lambda f, path: f.to_csv(path, index=False),
    "semicolons": lambda f, path: f.to_csv(path, index=False, sep=";"),
    "pipes": lambda f, path: f.to_csv(path, index=False, sep="|"),
    "tsv": lambda f, path: f.to_csv(path, index=False, sep="\t"),
    "all quoted": lambda f, path: f.to_csv(path, index=False, quoting=1),
    "with an index": lambda f, path: f.to_csv(path),
    "marked": lambda f, path: f.to_csv(path, index=False, encoding="utf-8-sig"),
    "utf-16": lambda f, path: f.to_csv(path, index=False, encoding="utf-16"),
    "gz": lambda f, path: path.write_bytes(
        gzip.compress(f.to_csv(index=False).encode())
    ),
    "zip": to_zip,
    "json lines": lambda f, path: f.to_json(path, orient="records", lines=True),
    "json": lambda f, path: f.to_json(path, orient="records", force_ascii=False),
    "parquet": lambda f, path: f.to_parquet(path),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("written") / "file"


@pytest.mark.parametrize("name", WRITERS)
@given(pairs=FRAMES)
@settings(max_examples=40, deadline=None)
def test_what_pandas_wrote_comes_back_or_is_refused_with_a_way_out(path, name, pairs):
    WRITERS[name](pd.DataFrame(pairs, columns=["Label", "Text"]), path)
    try:
        assert read_pairs(path) == pairs
    except SpamftError as error:
        assert str(path) in str(error) and "--quotes csv" in str(error)
        assert read_pairs(path, Layout(quotes="csv")) == pairs
    with open_table(path, Layout(quotes="csv")) as table:
        assert [(table.label(r), table.text(r)) for r in table.rows] == pairs


@given(pairs=FRAMES)
@settings(max_examples=15, deadline=None)
def test_what_pandas_wrote_into_a_workbook_comes_back(path, pairs):
    pd.DataFrame(pairs, columns=["Label", "Text"]).to_excel(
        path, index=False, engine="openpyxl"
    )
    assert read_pairs(path) == pairs


@given(pairs=FRAMES)
@settings(max_examples=60, deadline=None)
def test_what_is_read_of_a_csv_is_what_pandas_reads(path, pairs):
    frame = pd.DataFrame(pairs, columns=["Label", "Text"])
    frame.to_csv(path, index=False, quoting=1, lineterminator="\r\n")
    read = pd.read_csv(path, dtype=str, keep_default_na=False)
    found = read_pairs(path, Layout(quotes="csv"))
    assert found == list(read.itertuples(index=False, name=None))


def test_what_looks_like_a_missing_value_is_text(file):
    pairs = read_pairs(file("Label,Text\nham,NA\nspam,null\nham,\n"))
    assert [text for _, text in pairs] == ["NA", "null", ""]


@pytest.mark.parametrize(
    "again", ["Label,Text", "label, TEXT ", "\ufeffLabel,Text", "Text,Label"]
)
def test_a_header_that_is_repeated_is_named_with_its_lines(file, again):
    content = f"Label,Text\nham,a\n{again}\nspam,b\n{again}\n"
    with pytest.raises(
        SpamftError, match=r":3: the header is repeated here \(2 such: 3"
    ):
        read_pairs(file(content))


@pytest.mark.parametrize(
    "content",
    [
        'Label,Text\nham,"a\nspam,b"\nspam,c\n',
        'Text;Label\n"a;ham\nb;spam\nc"";spam\nd";ham\ne;spam\n',
    ],
)
def test_a_text_that_swallowed_rows_is_named_and_both_options_work(file, content):
    with pytest.raises(SpamftError, match=":2: a quotation mark opens here, and the t"):
        read_pairs(path := file(content))
    assert len(read_pairs(path, Layout(quotes="csv"))) == content.count(
        "\n"
    ) - 1 - content.split('"')[1].count("\n") - content.count('""')
    assert len(read_pairs(path, Layout(quotes="text"))) == content.count("\n") - 1


def test_several_text_columns_are_joined_by_a_blank(file):
    path = file("title,body,Label\na,b,ham\n,c,spam\n")
    layout = Layout(text=["title", "body"])
    assert read_pairs(path, layout) == [("ham", "a b"), ("spam", " c")]


@pytest.mark.parametrize("content", ["\U000e0001" * 999, "ham\ta\n" + "\0" * 9999])
def test_however_long_or_odd_a_line_is_the_error_is_short(file, content):
    path = file(content)
    with pytest.raises(SpamftError) as error:
        read_pairs(path)
    assert len(str(error.value)) < 350 + len(str(path))
