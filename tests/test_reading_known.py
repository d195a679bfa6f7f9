from pathlib import Path

import pytest

from spamft.plumbing.errors import SpamftError
from spamft.reading.known import (
    fasttext_rows,
    is_kaggle,
    is_uci_line,
    uci_rows,
    whole_texts,
)
from spamft.reading.layout import Layout
from spamft.reading.pairs import read_pairs

PATH = Path("a.tsv")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_in_the_uci_layout_quotes_and_odd_separators_are_text(file, end):
    texts = ['"half a quote', "tab\tinside", "line\x85separator\u2028s", "a\rb", ""]
    path = file("".join(f"ham\t{text}{end}" for text in texts))
    assert read_pairs(path) == [("ham", text) for text in texts]


@pytest.mark.parametrize("begin", ["ham\t", "Spam\t", " ham\t"])
def test_a_first_message_says_that_it_is_the_uci_layout(file, begin):
    assert is_uci_line(begin)
    assert read_pairs(file(f"\n\n{begin}a\nspam\tb"))[1] == ("spam", "b")
    assert not is_uci_line("ham,a") and not is_uci_line("hamster\ta")


def test_what_is_no_message_of_uci_is_named_with_the_options(file):
    with pytest.raises(SpamftError, match=":2: unknown label 'b', .*--no-header takes"):
        read_pairs(path := file("spam\ttext\nb\tx\n"))
    assert read_pairs(path, Layout(no_header=True))[1] == ("b", "x")
    assert read_pairs(path, Layout(text="text", label="spam")) == [("b", "x")]


def test_old_macs_line_ends_do_not_make_one_message_of_all(file):
    with pytest.raises(SpamftError, match=":1: a carriage return ends.*--no-header"):
        read_pairs(path := file("ham\ta\rspam\tb\r"))
    assert read_pairs(path, Layout(no_header=True)) == [("ham", "a"), ("spam", "b")]
    assert list(uci_rows(iter(["ham\ta\rb\n"]), PATH))[0].cells == ["ham", "a\rb"]


@pytest.mark.parametrize("blank", [" ", "\t"])
def test_fasttexts_labels_end_at_any_blank(blank):
    lines = [f"__label__a-b{blank}x  y\n", "\n", f"__label__c{blank}\n"]
    rows = [row.cells for row in fasttext_rows(iter(lines), PATH)]
    assert rows == [["a-b", "x  y"], ["c", ""]]


@pytest.mark.parametrize("line", ["x\n", "__label__a __label__b x\n"])
def test_no_label_or_two_are_refused_in_fasttexts_layout(line):
    with pytest.raises(SpamftError, match="a.tsv:2: expected __label__|two labels"):
        list(fasttext_rows(iter(["__label__a x\n", line]), PATH))


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
    assert read_pairs(file('v1,v2,,,\nham,"wait,,,",,,\n')) == [("ham", "wait,,,")]


@pytest.mark.parametrize(
    "header", ["v1,v2,,", "V1,V2,,", "v1,v2,Unnamed: 2,Unnamed: 3", "v1, v2,,length"]
)
@pytest.mark.parametrize("index", ["", ","])
def test_what_a_comma_broke_off_goes_back_wherever_kaggles_columns_stand(
    file, header, index
):
    path = file(f"{index}{header}\n{index}ham,a, b,\n\n{index}spam,c,,\n")
    assert is_kaggle(f"{index}{header}".split(","))
    assert read_pairs(path) == [("ham", "a, b"), ("spam", "c")]


def test_columns_with_names_are_no_text(file):
    assert not is_kaggle(["v1", "v2", "length"])
    assert read_pairs(file("v1,v2,length\nham,a,1\n")) == [("ham", "a")]
    assert read_pairs(file("v1,v2,Text,Label\n1,2,a,ham\n")) == [("ham", "a")]


def test_in_another_table_what_a_nameless_column_holds_behind_the_text_is_refused(file):
    assert read_pairs(file("Label,Text,\nham,a,\n")) == [("ham", "a")]
    assert read_pairs(file("Unnamed: 0,Label,Text\n0,ham,a\n")) == [("ham", "a")]
    with pytest.raises(SpamftError, match=r":2: \[' b'\] stands in a column without"):
        read_pairs(file("label,text,Unnamed: 2\nham,a, b\n"))
    assert list(whole_texts(iter([]), ["a"], 0, PATH)) == []
