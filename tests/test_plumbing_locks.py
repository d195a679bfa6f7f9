import errno
import os

import pytest
from held import another_process_holding

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.locks import only_one, take


def test_a_lock_is_had_once_and_goes_with_its_file(tmp_path):
    path = tmp_path / "lock"
    lock = take(path)
    assert take(path) is None
    lock.release()
    assert not path.exists()
    take(path).release()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    with another_process_holding(tmp_path / "lock"):
        assert take(tmp_path / "lock") is None
    assert (tmp_path / "lock").exists()
    take(tmp_path / "lock").release()


def test_only_one_process_works_on_a_place_and_the_other_is_named(tmp_path):
    with (
        another_process_holding(tmp_path / ".run.lock") as other,
        pytest.raises(SpamftError, match=f"process {other.pid} is at work on"),
        only_one(tmp_path / "run"),
    ):
        raise AssertionError
    with only_one(tmp_path / "run"), only_one(tmp_path / "run"):
        assert (tmp_path / ".run.lock").read_text() == str(os.getpid())
    assert list(tmp_path.iterdir()) == []


def test_no_lock_without_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        take(tmp_path / "nowhere" / "lock")
    with only_one(tmp_path / "made" / "run"):
        assert (tmp_path / "made").is_dir()


def test_a_full_disk_locks_without_a_number(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with only_one(tmp_path / "run"):
        assert take(tmp_path / ".run.lock") is None
    assert list(tmp_path.iterdir()) == []
