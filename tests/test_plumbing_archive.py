"""Downloads are tested where they are used: in test_data.py."""

import hashlib
import zipfile

import pytest

from spamft.plumbing.archive import Archive, fetch_member
from spamft.plumbing.errors import SpamftError

CONTENT = b"one\ntwo\n"


@pytest.fixture
def archive() -> Archive:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Archive((), 0, "", "words.txt", len(CONTENT), 2, digest)


def zipped(path, content: bytes):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("words.txt", content)
    return path


@pytest.mark.parametrize("content", [CONTENT, CONTENT.replace(b"\n", b"\r\n")])
def test_a_zip_at_hand_gives_the_file_with_unix_line_ends(archive, tmp_path, content):
    target = tmp_path / "folder" / "words.tsv"
    at_hand = zipped(tmp_path / "a.zip", content)
    assert fetch_member(archive, target, at_hand) == target
    assert target.read_bytes() == CONTENT and archive.holds(CONTENT)
    at_hand.unlink()
    assert fetch_member(archive, target) == target  # kept without the zip


def test_another_file_is_refused_and_the_old_one_stays(archive, tmp_path):
    target = tmp_path / "words.tsv"
    target.write_bytes(b"old")
    with pytest.raises(SpamftError, match="another SHA-256"):
        fetch_member(archive, target, zipped(tmp_path / "a.zip", b"one\n"))
    assert target.read_bytes() == b"old"
