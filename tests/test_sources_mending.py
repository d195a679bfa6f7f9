import pandas as pd
import pytest

from spamft.data import read_messages
from spamft.plumbing.errors import SpamftError
from spamft.sources.mending import merge_labels, read_mended, write_exactly

HARD = [
    *("=1+1", "'=1+1", "''=x", "@you", "-5", "+44 1", "'tis", '"quoted"', 'a "b" c'),
    *(
        "a,b;c",
        "two\nlines",
        "a\r\nb",
        "a\rb",
        "\ta\t",
        " x ",
        "é 👍 \u2028",
        "'",
        "null",
    ),
]
DF = pd.DataFrame({"Label": ["ham", "spam", "ham"], "Text": ["a", "=b", "c\nd"]})


def mended(*rows):
    return pd.DataFrame(rows, columns=["Row", "Label", "Text"])


def test_a_table_filled_in_is_read_back_with_the_same_texts(tmp_path):
    write_exactly(tmp_path / "next.csv", pd.DataFrame({"Label": "", "Text": HARD}))
    read = read_mended(tmp_path / "next.csv")
    assert read["Text"].tolist() == HARD and (read["Label"] == "").all()
    write_exactly(tmp_path / "filled.csv", read.assign(Label="ham"))
    assert read_messages(tmp_path / "filled.csv")["Text"].tolist() == HARD
    assert read_mended(tmp_path / "filled.csv")["Text"].tolist() == HARD


def test_a_merge_changes_the_rows_that_are_named_and_no_other():
    merged = merge_labels(DF, mended(["3", "spam", "c\nd"], ["1.0", "new", "a"]))
    assert merged["Label"].tolist() == ["new", "spam", "spam"]
    assert merged["Text"].equals(DF["Text"]) and DF["Label"][0] == "ham"
    assert merge_labels(DF, mended()).equals(DF)


def test_a_merge_of_numbers_is_one_of_words():
    rows = pd.DataFrame({"Row": [2], "Label": ["ham"], "Text": ["=b"]})
    assert merge_labels(DF, rows)["Label"].tolist() == ["ham"] * 3


@pytest.mark.parametrize(
    "row, complaint",
    [
        (["2", "ham", "b"], "row 2: the text 'b' is not the file's, '=b'"),
        (["1", "ham", "a"], "row 1 comes twice"),
        (["4", "ham", "a"], "row '4': expected 1 to 3"),
        (["0", "ham", "a"], "row '0': expected"),
        (["-1", "ham", "a"], "row '-1': expected"),
        (["²", "ham", "a"], "expected 1 to 3"),
        (["", "ham", "a"], "row '': expected"),
        (["2", " ", "=b"], "row 2 has no label"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_by_name(row, complaint):
    with pytest.raises(SpamftError, match=complaint):
        merge_labels(DF, mended(["1", "spam", "a"], row))


def test_labelled_messages_are_appended_and_those_without_a_label_wait():
    more = pd.DataFrame({"Label": ["spam", "", "ham"], "Text": ["x", "y", "'=z"]})
    merged = merge_labels(DF, more)
    assert merged["Text"].tolist() == [*DF["Text"], "x", "'=z"]
    assert merged["Label"].tolist() == [*DF["Label"], "spam", "ham"]


@pytest.mark.parametrize(
    "texts, complaint",
    [
        (["x", "=b"], "row 2: the text '=b' is there already, as row 2 of the file"),
        (["x", "x"], "row 2: the text 'x' is there already, as row 1:"),
    ],
)
def test_a_message_that_is_there_is_not_appended(texts, complaint):
    with pytest.raises(SpamftError, match=complaint):
        merge_labels(DF, pd.DataFrame({"Label": "ham", "Text": texts}))
    with pytest.raises(SpamftError, match="no row has a label yet"):
        merge_labels(DF, pd.DataFrame({"Label": "", "Text": texts}))


def test_a_file_that_cannot_be_merged_is_refused_by_name(tmp_path):
    path = tmp_path / "odd.csv"
    for content, complaint in [
        ("Row,Text\n1,a\n", "odd.csv:1: expected columns .Label. and"),
        ("Row,Label\n1,a\n", "expected columns .Label. and .Text."),
        ("Label,Text\n", "contains a header but no messages"),
        ("Label,Text\nham,a,b\n", "odd.csv:2: expected 2 columns"),
    ]:
        path.write_text(content)
        with pytest.raises(SpamftError, match=complaint):
            read_mended(path)
