"""Whatever a zip holds or claims: the right file, or one error that names the zip.

And it never takes much memory, nor leaves anything in the folder.
"""

import hashlib
import io
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spamft import data
from spamft.plumbing.errors import SpamftError

MEMBER = data.SMS_COLLECTION.member
WORDS = random.Random(0).choices(["see", "you", "WIN", "\u00a3", "now"], k=5000)
CONTENT = "".join(f"ham\t{word}\n" for word in WORDS).encode()
HUGE = 200_000_000  # bytes
MOST = 100_000_000  # bytes of memory
STORED, DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED
BZIP2, LZMA = zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA
ENTRY = b"PK\x01\x02"  # of the directory, which ends with END
END = b"PK\x05\x06"


@pytest.fixture(autouse=True)
def collection(monkeypatch):
    """A small stand-in for the collection."""
    stand_in = replace(
        data.SMS_COLLECTION,
        urls=(),
        member_size=len(CONTENT),
        member_lines=CONTENT.count(b"\n"),
        member_sha256=hashlib.sha256(CONTENT).hexdigest(),
    )
    monkeypatch.setattr(data, "SMS_COLLECTION", stand_in)


@pytest.fixture
def outcome(tmp_path):
    """Take the file from the bytes of a zip: True, or an error that leaves nothing."""

    def call(content: bytes) -> bool | SpamftError:
        path, folder = tmp_path / "a.zip", tmp_path / "data"
        path.write_bytes(content)
        try:
            target = data.download(folder, archive=path)
        except SpamftError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            assert not folder.exists() or not list(folder.iterdir())
            return error
        assert target.read_bytes() == CONTENT
        assert list(folder.iterdir()) == [target]
        target.unlink()
        return True

    return call


@pytest.fixture
def modest():
    """Fails the test if Python's memory grew by MOST at any time of it."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST


def zipped(method: int = DEFLATED, **members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        for name, content in (members or {MEMBER: CONTENT}).items():
            file.writestr(name, content)
    return packed.getvalue()


def zeros(method: int) -> bytes:
    """A zip whose member unpacks to 200 MB, written piece by piece."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(packed, "w", method) as file,
        file.open(MEMBER, "w") as member,
    ):
        for _ in range(HUGE // 1_000_000):
            member.write(bytes(1_000_000))
    return packed.getvalue()


def forged(
    content: bytes, place: int, form: str, value: int, mark: bytes = ENTRY
) -> bytes:
    """A zip with another number `place` bytes after the last `mark`."""
    changed = bytearray(content)
    struct.pack_into(form, changed, content.rindex(mark) + place, value)
    return bytes(changed)


def with_method(method: int) -> bytes:
    """A zip that claims a method, in the directory and before the member."""
    once = forged(zipped(), 10, "<H", method)
    return forged(once, 8, "<H", method, mark=b"PK\x03\x04")


@pytest.mark.parametrize("claimed", [None, 100, len(CONTENT), 0, 2**32 - 2])
@pytest.mark.parametrize("method", [DEFLATED, BZIP2, LZMA])
def test_a_member_that_unpacks_to_much_more_is_refused(
    outcome, modest, bombs, method, claimed
):
    bomb = bombs[method]
    if claimed is not None:
        bomb = forged(bomb, 24, "<I", claimed)
    assert isinstance(outcome(bomb), SpamftError)


@pytest.fixture(scope="module")
def bombs() -> dict[int, bytes]:
    return {method: zeros(method) for method in (DEFLATED, BZIP2, LZMA)}


@pytest.mark.parametrize("method", [STORED, DEFLATED, BZIP2, LZMA])
def test_an_honest_zip_works_or_its_method_is_refused(outcome, method):
    result = outcome(zipped(method))
    assert result is True or "unusual method" in str(result)
    assert result is True or method in (BZIP2, LZMA)


@pytest.mark.parametrize("method", [1, 6, 9, 93, 95, 98, 99, 65535])
def test_an_unknown_method_is_refused(outcome, method):
    assert isinstance(outcome(with_method(method)), SpamftError)


@pytest.mark.parametrize("whole", [zipped(), zipped(STORED)[-500:] + zipped()])
def test_a_cut_zip_is_refused(outcome, whole):
    for length in range(0, len(whole), max(len(whole) // 60, 1)):
        assert isinstance(outcome(whole[:length]), SpamftError)
    for length in range(len(whole) - 100, len(whole)):  # through the directory
        assert isinstance(outcome(whole[:length]), SpamftError)


@pytest.mark.parametrize("method", [STORED, DEFLATED])
def test_flipped_bytes_are_found_or_do_no_harm(outcome, method):
    whole, chance = zipped(method), random.Random(1)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= chance.randrange(1, 256)
        outcome(bytes(damaged))


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_directory_is_found_or_does_no_harm(outcome, seed):
    whole, chance = zipped(), random.Random(seed)
    start = whole.rindex(ENTRY)
    for _ in range(250):
        damaged = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(start, len(whole))
            damaged[place] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
        outcome(bytes(damaged))


def test_an_encrypted_member_is_refused(outcome):
    flagged = forged(zipped(), 8, "<H", 1)
    flagged = forged(flagged, 6, "<H", 1, mark=b"PK\x03\x04")
    assert "encrypted" in str(outcome(flagged))


@pytest.mark.parametrize(
    "place, form, value",
    [
        (42, "<I", 2**32 - 2),  # where the member begins
        (42, "<I", 1),
        (20, "<I", 0),  # its packed size
        (20, "<I", 2**32 - 2),
        (28, "<H", 65535),  # the lengths of its name, extra field and comment
        (30, "<H", 65535),
        (32, "<H", 65535),
        (28, "<H", 0),
    ],
)
def test_a_forged_entry_is_found_or_does_no_harm(outcome, modest, place, form, value):
    outcome(forged(zipped(), place, form, value))


@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32 - 2, 2**32 - 1])
@pytest.mark.parametrize("place", [12, 16])  # the directory's size and its begin
def test_a_forged_directory_is_found_or_does_no_harm(outcome, modest, place, value):
    outcome(forged(zipped(), place, "<I", value, mark=END))


@pytest.mark.parametrize("value", [2**40, 2**62, 2**63, 2**64 - 1])
@pytest.mark.parametrize("place", [40, 48])
def test_a_forged_large_directory_is_refused(outcome, modest, place, value):
    whole = zipped()
    end = whole.rindex(END)
    record = bytearray(56)
    struct.pack_into("<4sQ", record, 0, b"PK\x06\x06", 44)
    struct.pack_into("<QQQQ", record, 24, 1, 1, end - whole.rindex(ENTRY), 0)
    struct.pack_into("<Q", record, place, value)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    forged_end = forged(whole, 16, "<I", 2**32 - 1, mark=END)[end:]
    result = outcome(whole[:end] + bytes(record) + locator + forged_end)
    assert isinstance(result, SpamftError)


def test_70000_members_take_little_memory(outcome, modest, crowd):
    assert outcome(crowd) is True


@pytest.fixture(scope="module")
def crowd() -> bytes:
    names = (f"member {number}" for number in range(70_000))
    return zipped(STORED, **dict.fromkeys(names, b""), **{MEMBER: CONTENT})


def nested() -> bytes:
    return zipped(**{"inner.zip": zipped()})


OTHERS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "a zip of nothing": lambda: END + bytes(18),
    "html": lambda: b"<html>moved</html>",
    "the file itself": lambda: CONTENT,
    "zeros": lambda: bytes(100_000),
    "a zip in a zip": nested,
    "a zip as the member": lambda: zipped(**{MEMBER: zipped()}),
    "the member in a folder": lambda: zipped(**{f"folder/{MEMBER}": CONTENT}),
    "the member above": lambda: zipped(**{f"../{MEMBER}": CONTENT}),
    "the member at the root": lambda: zipped(**{f"/{MEMBER}": CONTENT}),
    "a folder of its name": lambda: zipped(**{f"{MEMBER}/": b""}),
    "other words": lambda: zipped(**{MEMBER: CONTENT[::-1]}),
    "a word less": lambda: zipped(**{MEMBER: CONTENT[:-4]}),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_zip_of_something_else_is_refused(outcome, modest, kind):
    assert isinstance(outcome(OTHERS[kind]()), SpamftError)


@pytest.mark.parametrize("name", ["../escape", "/escape", "..\\escape", "C:/escape"])
def test_names_that_point_outside_write_nothing_there(outcome, tmp_path, name):
    before = {path.name for path in tmp_path.parent.iterdir()}
    assert outcome(zipped(**{name: b"no", MEMBER: CONTENT})) is True
    assert {path.name for path in tmp_path.parent.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "data"}


@pytest.mark.parametrize("make", [lambda p: None, Path.mkdir])
def test_no_file_at_all_is_refused(tmp_path, make):
    path: Path = tmp_path / "nothing.zip"
    make(path)
    with pytest.raises(SpamftError, match="nothing.zip"):
        data.download(tmp_path / "data", archive=path)
