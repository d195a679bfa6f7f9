import errno
import hashlib
import os
import sys
from pathlib import Path

import pytest
from held import another_process_holding

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import (
    _swap,
    check_place,
    clear_up,
    existing_folder,
    sha256,
    whole_file,
    whole_folder,
)

ERRORS = [ValueError, KeyboardInterrupt, SystemExit]


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_appears_when_the_block_ends(tmp_path):
    with whole_file(tmp_path / "new" / "file") as part:
        part.write_text("whole")
        assert not (tmp_path / "new" / "file").exists()
    assert (tmp_path / "new" / "file").read_text() == "whole"
    assert names(tmp_path / "new") == {"file"}


@pytest.mark.parametrize("error", ERRORS)
def test_a_file_that_was_not_finished_leaves_the_old_one(tmp_path, error):
    (tmp_path / "file").write_text("old")
    with pytest.raises(error), whole_file(tmp_path / "file") as part:
        part.write_text("half")
        raise error
    assert (tmp_path / "file").read_text() == "old" and names(tmp_path) == {"file"}


def test_a_folder_appears_when_the_block_ends(tmp_path):
    with whole_folder(tmp_path / "folder") as part:
        (part / "a").write_text("1")
        assert not (tmp_path / "folder").exists()
    assert names(tmp_path / "folder") == {"a"} and names(tmp_path) == {"folder"}


@pytest.mark.parametrize("error", ERRORS)
def test_a_folder_that_was_not_finished_leaves_the_old_one(tmp_path, error):
    with whole_folder(tmp_path / "folder") as part:
        (part / "a").write_text("old")
    with pytest.raises(error), whole_folder(tmp_path / "folder") as part:
        (part / "a").write_text("half")
        raise error
    assert (tmp_path / "folder" / "a").read_text() == "old"
    assert names(tmp_path) == {"folder"}


def test_a_replaced_folder_keeps_the_users_files_and_not_its_own_old_ones(tmp_path):
    folder = tmp_path / "folder"
    with whole_folder(folder, own=("a", "b")) as part:
        (part / "a").write_text("1")
        (part / "b").write_text("1")
    (folder / "notes").mkdir()
    (folder / "notes" / "mine.txt").write_text("mine")
    with whole_folder(folder, own=("a", "b")) as part:
        (part / "a").write_text("2")
    assert names(folder) == {"a", "notes"} and (folder / "a").read_text() == "2"
    assert (folder / "notes" / "mine.txt").read_text() == "mine"
    assert names(tmp_path) == {"folder"}


def test_a_folder_behind_a_link_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with whole_folder(tmp_path / "link") as part:
        (part / "a").write_text("1")
    assert (tmp_path / "link").is_symlink() and names(tmp_path) == {"link", "real"}
    assert names(tmp_path / "real") == {"a", "mine.txt"}


def test_the_working_folder_can_be_replaced_and_the_process_stays_in_it(
    tmp_path, monkeypatch
):
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    with whole_folder(".") as part:
        (part / "a").write_text("1")
    assert os.getcwd() == str(tmp_path / "folder") and os.listdir() == ["a"]


@pytest.fixture(params=[True, False], ids=["swap", "no swap"])
def system(request, monkeypatch):
    """A system that can swap two names, as this one can, and one that cannot."""
    if not request.param:
        monkeypatch.setattr("spamft.plumbing.files._swap", lambda one, other: False)


def test_here_names_can_be_swapped(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "one" / "a").touch()
    assert _swap(tmp_path / "one", tmp_path / "other") == (sys.platform != "win32")
    assert (tmp_path / "other" / "a").exists()
    assert not _swap(tmp_path / "one", tmp_path / "nowhere")


@pytest.mark.parametrize("moves", [1, 2])
def test_without_a_swap_a_folder_that_is_interrupted_stays(
    tmp_path, monkeypatch, moves
):
    monkeypatch.setattr("spamft.plumbing.files._swap", lambda one, other: False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("old")
    rename, calls = Path.rename, []

    def interrupted(path, target):
        calls.append(path)
        if len(calls) == moves == 2:  # the new one does not get to its place
            raise KeyboardInterrupt
        rename(path, target)
        if len(calls) == moves == 1:  # the old one has just been moved away
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupted)
    with (
        pytest.raises(KeyboardInterrupt),
        whole_folder(tmp_path / "folder") as part,
    ):
        (part / "a").write_text("new")
    assert (tmp_path / "folder" / "a").read_text() == "old"
    assert names(tmp_path) == {"folder"}


def test_files_of_the_user_stay_at_every_depth_and_are_the_same_files(system, tmp_path):
    folder = tmp_path / "folder"
    with whole_folder(folder) as part:
        (part / "model").mkdir()
        (part / "model" / "weights").write_text("1")
        (part / "model" / "old").write_text("1")
    (folder / "model" / "mine").write_text("mine")
    (folder / "model" / "deep").mkdir()
    (folder / "model" / "deep" / "mine").write_text("mine")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("nowhere")
    (folder / "to-a-folder").symlink_to(folder / "empty")
    number = (folder / "model" / "mine").stat().st_ino
    with whole_folder(folder, own=("model/weights", "model/old")) as part:
        (part / "model").mkdir()
        (part / "model" / "weights").write_text("2")
    assert (folder / "model" / "weights").read_text() == "2"
    assert names(folder / "model") == {"weights", "mine", "deep"}
    assert (folder / "model" / "deep" / "mine").read_text() == "mine"
    assert names(folder) == {"model", "empty", "link", "to-a-folder"}
    assert (folder / "link").is_symlink() and (folder / "to-a-folder").is_symlink()
    assert (folder / "model" / "mine").stat().st_ino == number
    assert names(tmp_path) == {"folder"}


def test_a_folder_of_the_user_where_a_file_goes_is_an_error_before_anything(tmp_path):
    (tmp_path / "folder" / "loss.png").mkdir(parents=True)
    (tmp_path / "folder" / "loss.png" / "mine").write_text("mine")
    with pytest.raises(OSError), whole_folder(tmp_path / "folder") as part:
        (part / "loss.png").write_text("new")
    assert (tmp_path / "folder" / "loss.png" / "mine").read_text() == "mine"
    assert names(tmp_path) == {"folder"}


@pytest.mark.parametrize("write", [whole_file, whole_folder])
def test_what_is_no_ordinary_place_is_refused(tmp_path, write):
    (tmp_path / "file").write_text("old")
    place = tmp_path if write is whole_file else tmp_path / "file"
    with pytest.raises(SpamftError, match="it is there, and no"), write(place):
        raise AssertionError
    if write is whole_file:
        with pytest.raises(SpamftError, match="no ordinary file"), write("/dev/null"):
            raise AssertionError


def test_what_its_owner_protected_is_replaced_and_removed(tmp_path):
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "sub" / "a").write_text("old")
    (tmp_path / "folder" / "sub").chmod(0o555)
    with whole_folder(tmp_path / "folder", own=["sub/a"]) as part:
        (part / "b").write_text("new")
    assert names(tmp_path) == {"folder"}
    assert (tmp_path / "folder" / "b").read_text() == "new"


@pytest.mark.parametrize("name", ["file", "file[1]*", "ü" * 120])
def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path, name):
    start = f".{os.fsdecode(os.fsencode(name)[:150])}."
    for kind in ("dead", "alive"):
        (tmp_path / f"{start}{kind}.unfinished").mkdir()
        (tmp_path / f"{start}{kind}.unfinished" / name).write_text("half")
        (tmp_path / f"{start}{kind}.unfinished" / "lock").touch()
    (tmp_path / ".other.dead.unfinished").mkdir()
    with another_process_holding(tmp_path / f"{start}alive.unfinished" / "lock"):
        with whole_file(tmp_path / name) as part:
            part.write_text("whole")
        kept = {f"{start}alive.unfinished", ".other.dead.unfinished"}
        assert names(tmp_path) == {name} | kept
    with whole_file(tmp_path / name) as part:
        part.write_text("whole")
    assert names(tmp_path) == {name, ".other.dead.unfinished"}


def test_a_folder_that_a_killed_process_had_moved_away_comes_back(tmp_path):
    (tmp_path / ".folder.dead.unfinished" / "replaced").mkdir(parents=True)
    (tmp_path / ".folder.dead.unfinished" / "replaced" / "mine").write_text("mine")
    with whole_folder(tmp_path / "folder") as part:
        (part / "a").write_text("1")
    assert names(tmp_path / "folder") == {"a", "mine"}
    assert names(tmp_path) == {"folder"}


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    with (
        whole_file(tmp_path / "file") as one,
        whole_file(tmp_path / "file") as other,
    ):
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "file").read_text() == "one" and names(tmp_path) == {"file"}


def test_the_nearest_folder_that_exists(tmp_path):
    assert existing_folder(tmp_path / "a" / "b") == tmp_path
    assert existing_folder(tmp_path) == tmp_path


def test_the_sha256_of_a_file(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 3_000_000)
    assert sha256(tmp_path / "file") == hashlib.sha256(b"x" * 3_000_000).hexdigest()


def test_a_place_where_something_can_be_written_is_left_as_it_was(tmp_path):
    check_place(tmp_path / "a" / "b")
    check_place(tmp_path / "a")
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_a_place_where_nothing_can_be_written_is_refused_by_its_name(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    places = ["file", "file/run", "file/a/run", "circle/a", "x" * 250, "y" * 9999]
    for place in places:
        with pytest.raises(SpamftError, match="cannot write to") as error:
            check_place(tmp_path / place)
        assert str(tmp_path / place)[:200] in str(error.value)
        assert len(str(error.value)) < 999 and "\n" not in str(error.value)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "circle"}
    with pytest.raises(SpamftError, match="file/run: .*file is a file"):
        check_place(tmp_path / "file" / "run")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="Linux has such a folder")
@pytest.mark.parametrize("place", ["/proc", "/proc/run", "/proc/a/run"])
def test_a_place_of_the_system_is_refused_by_its_name(place):
    with pytest.raises(SpamftError, match=f"cannot write to {place}: "):
        check_place(place)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_place_is_refused_by_its_name(tmp_path):
    (tmp_path / "shut").mkdir(mode=0o555)
    for place in (tmp_path / "shut", tmp_path / "shut" / "run"):
        with pytest.raises(SpamftError, match="cannot write to .*shut"):
            check_place(place)


def test_a_full_disk_names_the_file(tmp_path):
    with (
        pytest.raises(OSError, match="No space left on device: '.*file'"),
        whole_file(tmp_path / "file"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_what_a_killed_writer_left_can_be_removed_without_writing(tmp_path):
    (tmp_path / "file").write_text("whole")
    (tmp_path / ".file.abc.unfinished").mkdir()
    clear_up(tmp_path / "file")
    assert names(tmp_path) == {"file"}
