import os
import subprocess
import sys

import pytest

from spamft.plumbing.files import existing_folder, whole_file, whole_folder

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


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".file.{dead.pid}.unfinished").write_text("left behind")
    (tmp_path / f".file.{os.getppid()}.unfinished").write_text("at work")
    (tmp_path / f".other.{dead.pid}.unfinished").write_text("not ours")
    with whole_file(tmp_path / "file") as part:
        part.write_text("whole")
    kept = {f".file.{os.getppid()}.unfinished", f".other.{dead.pid}.unfinished"}
    assert names(tmp_path) == {"file"} | kept


def test_the_nearest_folder_that_exists(tmp_path):
    assert existing_folder(tmp_path / "a" / "b") == tmp_path
    assert existing_folder(tmp_path) == tmp_path
