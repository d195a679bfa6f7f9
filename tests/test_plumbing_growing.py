import errno

import pytest

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.growing import growing_file

IDENTITY = {"input": "a", "model": "b"}
PARTS = ["one\n", "zwölf\r\n", "", "drei\n" * 1000, "end"]


class Killed(BaseException):
    pass


def write(path, identity=IDENTITY, dies_at=None, error=Killed, log=lambda line: None):
    """Write PARTS, keeping each; it dies before it keeps one of them."""
    with growing_file(path, identity, log) as growing:
        begins = growing.state.get("parts", 0)
        for number in range(begins, len(PARTS)):
            growing.write(PARTS[number])
            if number == dies_at:
                raise error
            growing.keep({"parts": number + 1})
    return begins


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.txt"


@pytest.mark.parametrize("dies_at", range(len(PARTS)))
def test_it_resumes_at_what_was_kept_and_has_the_same_bytes(path, dies_at):
    with pytest.raises(Killed):
        write(path, dies_at=dies_at)
    assert not path.exists()
    assert write(path) == dies_at
    assert path.read_bytes() == "".join(PARTS).encode()
    assert list(path.parent.iterdir()) == [path]


def test_the_old_file_stays_until_the_new_one_is_whole(path):
    path.write_text("old")
    with pytest.raises(Killed):
        write(path, dies_at=3)
    assert path.read_text() == "old"
    write(path)
    assert path.read_bytes() == "".join(PARTS).encode()


@pytest.mark.parametrize("name", IDENTITY)
def test_other_work_is_refused_and_changes_nothing(path, name):
    with pytest.raises(Killed):
        write(path, dies_at=2)
    with pytest.raises(SpamftError, match=f"unfinished work with another {name}: give"):
        write(path, IDENTITY | {name: "other"})
    assert write(path) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda part, note: part.write_bytes(b"x" + part.read_bytes()[1:]),
        lambda part, note: part.write_bytes(part.read_bytes()[:2]),
        lambda part, note: note.write_text(note.read_text().replace("1", "2", 1)),
        lambda part, note: note.write_text("{"),
    ],
)
def test_what_is_damaged_is_not_continued_and_that_is_said(path, damage):
    with pytest.raises(Killed):
        write(path, dies_at=3)
    folder = path.with_name(".out.txt.progress")
    damage(folder / "part", folder / "progress.json")
    said = []
    assert write(path, log=said.append) == 0
    assert len(said) == 1 and "starts anew" in said[0]
    assert path.read_bytes() == "".join(PARTS).encode()


@pytest.mark.parametrize("lost", ["part", "progress.json"])
def test_half_of_what_was_kept_is_nothing(path, lost):
    with pytest.raises(Killed):
        write(path, dies_at=3)
    (path.with_name(".out.txt.progress") / lost).unlink()
    assert write(path) == 0
    assert path.read_bytes() == "".join(PARTS).encode()


def test_what_would_fail_again_is_not_kept_and_what_need_not_is(path):
    def full():
        return OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="out.txt"):
        write(path, dies_at=2, error=full())
    assert write(path) == 2
    with pytest.raises(SpamftError, match="wrong"):
        write(path, dies_at=2, error=SpamftError("wrong"))
    assert list(path.parent.iterdir()) == [path]


def test_only_a_file_is_replaced(tmp_path):
    with pytest.raises(SpamftError, match="no ordinary file"):
        write(tmp_path)
