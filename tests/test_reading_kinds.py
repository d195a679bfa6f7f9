import io
import pickle
import tarfile

import pandas as pd
import pytest

from spamft.plumbing.errors import SpamftError
from spamft.reading.kinds import kind_of, refuse_other_kinds
from spamft.reading.pairs import read_pairs


def feather() -> bytes:
    stream = io.BytesIO()
    pd.DataFrame({"Text": ["a"]}).to_feather(stream)
    return stream.getvalue()


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as file:
        file.addfile(tarfile.TarInfo("a.csv"))
    return stream.getvalue()


@pytest.mark.parametrize(
    "first, what",
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Word file: save it as"),
        (b"%PDF-1.7", "a PDF"),
        (b"SQLite format 3\0", "a SQLite database"),
        (b"BZh91AY&SY", "packed by bzip2: unpack it first"),
        (b"\xfd7zXZ\0", "packed by xz"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run `git lfs pull`"),
        (b"<!DOCTYPE html>", "a web page or XML"),
        (b"\xef\xbb\xbf\n <HTML>", "a web page or XML"),
        (b"<!-- saved from url -->", "a web page or XML"),
        (b"<table><tr>", "a web page or XML"),
        (b"PARE\0abc", "an encrypted Parquet file"),
        (pickle.dumps(pd.DataFrame({"a": [1]})), "a Python pickle"),
        (feather(), "Feather file: save it as Parquet or CSV"),
        (tar(), "a tar archive: unpack it first"),
    ],
)
def test_what_is_no_table_is_named_with_the_way_out(first, what):
    with pytest.raises(SpamftError, match=what):
        refuse_other_kinds(first, "a.csv")


@pytest.mark.parametrize(
    "text",
    ["", "Label,Text\n", "<3 you\tham", "MZ", "GIF,Text", "version,Text", "{\\r"],
)
def test_texts_are_let_through(text):
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        refuse_other_kinds(text.encode(encoding), "a.csv")
    assert kind_of(text.encode()) == "text"


@pytest.mark.parametrize("name", ["PARENT", "PAR1", "ORC", "MZ", "BZh", "GIF8"])
def test_a_header_that_begins_like_another_kind_is_a_header(file, name):
    path = file(f"{name},Label,Text\n1,a,hello\n2,b,there\n")
    assert read_pairs(path) == [("a", "hello"), ("b", "there")]
