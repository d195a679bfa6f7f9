import os
import subprocess
import sys
from pathlib import Path

import pytest

from spamft.plumbing.files import existing_folder, whole_file, whole_folder

ERRORS = [ValueError, KeyboardInterrupt, SystemExit]


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


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


@pytest.mark.parametrize("moves", [1, 2])
def test_a_folder_whose_replacement_is_interrupted_stays(tmp_path, monkeypatch, moves):
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


@pytest.mark.parametrize("name", ["file", "file[1]*"])
def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(
    tmp_path, dead, name
):
    (tmp_path / f".{name}.{dead}.unfinished").write_text("left behind")
    (tmp_path / f".{name}.{os.getppid()}.unfinished").write_text("at work")
    (tmp_path / f".other.{dead}.unfinished").write_text("not ours")
    with whole_file(tmp_path / name) as part:
        part.write_text("whole")
    kept = {f".{name}.{os.getppid()}.unfinished", f".other.{dead}.unfinished"}
    assert names(tmp_path) == {name} | kept


def test_a_folder_that_a_killed_process_had_moved_away_comes_back(tmp_path, dead):
    for ending in ("replaced", "unfinished"):  # as a kill between two renames leaves it
        (tmp_path / f".folder.{dead}.{ending}").mkdir()
    (tmp_path / f".folder.{dead}.replaced" / "mine.txt").write_text("mine")
    with whole_folder(tmp_path / "folder") as part:
        (part / "a").write_text("1")
    assert names(tmp_path / "folder") == {"a", "mine.txt"}
    assert names(tmp_path) == {"folder"}


def test_a_folder_that_a_killed_process_had_replaced_goes(tmp_path, dead):
    (tmp_path / "folder").mkdir()
    (tmp_path / f".folder.{dead}.replaced").mkdir()
    (tmp_path / f".folder.{dead}.replaced" / "a").write_text("old")
    with whole_folder(tmp_path / "folder"):
        pass
    assert names(tmp_path / "folder") == set() and names(tmp_path) == {"folder"}


def test_the_nearest_folder_that_exists(tmp_path):
    assert existing_folder(tmp_path / "a" / "b") == tmp_path
    assert existing_folder(tmp_path) == tmp_path
