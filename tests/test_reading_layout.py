import codecs
from encodings.aliases import aliases

import pytest

from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout


def test_names_of_text_columns_come_one_or_several():
    assert Layout().texts == () and Layout(text="a").texts == ("a",)
    assert Layout(text=["a", "b"]) == Layout(text=("a", "b"))
    assert hash(Layout(text=["a", "b"]))


def test_an_encoding_is_one_that_reads_text_and_keeps_what_it_does_not_know():
    for name in sorted(set(aliases.values())):
        try:
            Layout(encoding=name)
        except SpamftError:
            continue
        codecs.getincrementaldecoder(name)("surrogateescape").decode(b"", True)
        assert isinstance("a".encode(name), bytes)


@pytest.mark.parametrize("name", ["latin1", "CP1252", "utf-16-le", "utf_8", "big5"])
def test_usual_encodings_are_known(name):
    assert Layout(encoding=name).encoding == name


@pytest.mark.parametrize(
    "name", ["", "x", "base64", "rot13", "idna", "undefined", "a\0b"]
)
def test_what_is_no_encoding_of_files_is_refused(name):
    with pytest.raises(SpamftError, match="unknown encoding"):
        Layout(encoding=name)


def test_quotes_are_text_or_csv():
    with pytest.raises(SpamftError, match="must be text or csv"):
        Layout(quotes="yes")
