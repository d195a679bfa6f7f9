import gzip
import os
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spamft.plumbing.errors import SpamftError
from spamft.reading import contents
from spamft.reading.contents import first_bytes, lines_of, open_bytes, table_in_zip

CONTENT = b"Label,Text\nham,hi\n"


def lines(path, *options) -> list[str]:
    with lines_of(path, *options) as found:
        return list(found)


def pack(path, members: dict[str, bytes], method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("packed")


@given(st.binary(min_size=1, max_size=500))
@settings(max_examples=40, deadline=None)
def test_packed_or_not_the_bytes_are_the_same(folder, raw):
    (folder / "plain").write_bytes(b"a" + raw)
    (folder / "gz").write_bytes(gzip.compress(b"a" + raw))
    pack(folder / "zip", {"a.csv": b"a" + raw})
    for name in ("plain", "gz", "zip"):
        with open_bytes(folder / name) as found:
            assert found.read() == b"a" + raw


def test_two_packed_files_in_one_are_both_read(file):
    path = file(gzip.compress(b"Label,Text\n") + gzip.compress(b"ham,hi\n"))
    assert "".join(lines(path)) == CONTENT.decode()


@pytest.mark.parametrize("cut", range(1, 34, 3))
def test_a_gz_that_is_cut_is_damaged(file, cut):
    path = file(gzip.compress(CONTENT)[:-cut] or b"")
    with pytest.raises(SpamftError, match="is damaged|expected columns"):
        lines(path)


def test_what_systems_add_to_a_zip_is_not_looked_at(tmp_path):
    more = {"__MACOSX/._a.csv": b"x", "d/.DS_Store": b"x", "d/": b""}
    assert (
        table_in_zip(pack(tmp_path / "a.zip", {"d/a.csv": CONTENT} | more)) == "d/a.csv"
    )


@pytest.mark.parametrize(
    "members, complaint",
    [
        (["a.csv", "b.csv"], "it holds a.csv, b.csv: unzip it"),
        (["d/"], "it holds nothing: unzip it"),
        (["mimetype", "content.xml"], "a document of an office program"),
        (
            ["[Content_Types].xml", "word/document.xml"],
            "a document of an office program",
        ),
    ],
)
def test_a_zip_without_one_table_says_what_it_holds(tmp_path, members, complaint):
    path = pack(tmp_path / "a.zip", dict.fromkeys(members, CONTENT))
    with pytest.raises(SpamftError, match=complaint):
        table_in_zip(path)


def test_a_zip_that_cannot_be_counted_or_opened_is_refused(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.csv": CONTENT}, zipfile.ZIP_LZMA)
    with pytest.raises(SpamftError, match="unusual method: unzip it first"):
        table_in_zip(path)
    raw = bytearray(pack(path, {"a.csv": CONTENT}).read_bytes())
    raw[6] |= 1
    raw[raw.find(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(SpamftError, match="is encrypted: unzip it first"):
        table_in_zip(path)


def test_what_unpacks_to_absurd_sizes_ends_early(tmp_path, file, monkeypatch):
    monkeypatch.setattr(contents, "ANY_CASE", 2**20)
    bomb = b"Label,Text\nham," + b"a" * 2**23
    packed = file(gzip.compress(bomb)), pack(tmp_path / "a.zip", {"a.csv": bomb})
    for path in packed:
        with pytest.raises(SpamftError, match="unpacks to more than .* bytes"):
            lines(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_says_the_encoding_whatever_the_option(file, encoding):
    path = file("Label,Text\nham,é 😀\n".encode(encoding))
    for option in (None, "utf-8", "cp1252"):
        assert "".join(lines(path, option)) == "Label,Text\nham,é 😀\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_missing_mark_is_named_with_the_option_that_works(file, encoding):
    path = file("Label,Text\nham,hi\n".encode(encoding))
    with pytest.raises(SpamftError, match=f"add --encoding {encoding}"):
        lines(path)
    assert "".join(lines(path, encoding)) == "Label,Text\nham,hi\n"


def test_a_byte_that_is_no_character_is_named_with_its_line(file):
    path = file(b"Label,Text\nham,hi\nham,caf\xe9\n")
    with pytest.raises(SpamftError, match=r":3: byte 0xe9 is not UTF-8: add --encodi"):
        lines(path)
    assert lines(path, "cp1252")[2] == "ham,café\n"
    with pytest.raises(SpamftError, match=r":1: byte 0x81 is no character of cp1252"):
        lines(file(b"\x81"), "cp1252")
    with pytest.raises(SpamftError, match="half of a character"):
        lines(file(b"\\ud800"), "unicode_escape")


def test_kaggles_first_line_alone_says_latin_1_unless_it_is_utf_8(file):
    assert lines(file(b"v1,v2,,,\nham,\xa3\n"))[1] == "ham,£\n"
    assert lines(file("v1,v2,,,\nham,£\n"))[1] == "ham,£\n"


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"))
    )
)
@settings(max_examples=40, deadline=None)
def test_lines_are_pythons_own(folder, texts):
    path = folder / "lines.csv"
    path.write_text("a\n" + "\n".join(texts), encoding="utf-8", newline="")
    with path.open(encoding="utf-8", newline="") as expected:
        assert lines(path, "utf-8") == list(expected)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names there")
def test_nothing_waits_for_a_pipe(tmp_path):
    from spamft.reading.table import open_table

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(SpamftError, match="is no ordinary file"), open_table(path):
            pass


def test_other_kinds_are_refused_when_they_are_packed_too(file):
    with pytest.raises(SpamftError, match="is a PDF"):
        first_bytes(file(gzip.compress(b"%PDF-1.4")))
