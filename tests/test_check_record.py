import json
import os
import sys
import threading
from functools import partial

import pytest
from held import another_process_holding

from spamft.check import record
from spamft.check.record import FILE, Guess, keep, read_guesses, settle
from spamft.plumbing.errors import SpamftError

BROKEN = {
    "cut in two": '{"6.1": {"answer": 1.6, "su',
    "a list": "[]",
    "another file": '{"epochs": 3}',
    "an unknown entry": '{"6.1": {"answer": 1, "later": [], "x": 1}}',
    "too sure": '{"6.1": {"answer": 1, "sure": 2, "choices": 0, "later": []}}',
    "no number": '{"6.1": {"answer": null, "sure": 1, "choices": 0, "later": [3]}}',
}


def test_a_guess_is_on_disk_at_once_and_is_read_back(tmp_path):
    guess = Guess(1.6, 0.8, 0)
    assert keep(tmp_path, "6.1", guess) == guess
    assert read_guesses(tmp_path) == {"6.1": guess}
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_before_the_answer_a_guess_replaces_and_after_it_the_first_counts(tmp_path):
    keep(tmp_path, "6.q1", Guess("a", 0.5, 3))
    keep(tmp_path, "6.q1", Guess("b", 0.7, 3))
    first = settle(tmp_path, "6.q1", lambda guess: guess.answer == "c")
    assert (first.answer, first.right) == ("b", False)
    for _ in range(2):  # a cell that is run again adds nothing
        counts = keep(tmp_path, "6.q1", Guess("c", 1.0, 3))
        keep(tmp_path, "6.q1", Guess("b", 0.7, 3))
        assert (counts.answer, counts.right) == ("b", False)
    assert read_guesses(tmp_path)["6.q1"].later == (("c", 1.0),)


def test_an_answer_is_judged_once_and_only_if_it_can_be(tmp_path):
    assert settle(tmp_path, "6.1", lambda guess: True) is None
    assert list(tmp_path.iterdir()) == [], "nothing was guessed, nothing is written"
    keep(tmp_path, "6.1", Guess(2, 0.8, 0))
    assert settle(tmp_path, "6.1", lambda guess: None).right is None
    assert settle(tmp_path, "6.1", lambda guess: True).right is True
    assert settle(tmp_path, "6.1", lambda guess: False).right is True


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_file_is_one_clear_error_and_is_left_alone(what, tmp_path):
    (tmp_path / FILE).write_text(BROKEN[what])
    for call in (
        lambda: read_guesses(tmp_path),
        lambda: keep(tmp_path, "6.1", Guess(1, 1, 0)),
    ):
        with pytest.raises(SpamftError) as caught:
            call()
        assert str(tmp_path / FILE) in str(caught.value)
        assert "move it away" in str(caught.value)
    assert (tmp_path / FILE).read_text() == BROKEN[what]


def another_process(work) -> int:
    """Start `work` in a copy of this process; return its number."""
    if pid := os.fork():
        return pid
    try:
        work()
    finally:
        os._exit(0)


@pytest.mark.parametrize("event", ["os.rename", "os.mkdir", "tempfile.mkdtemp"])
def test_killed_while_writing_the_old_file_stays_whole(event, tmp_path):
    def write():
        sys.addaudithook(lambda what, _: os._exit(9) if what == event else None)
        keep(tmp_path, "6.2", Guess("yes", 0.9, 2))

    keep(tmp_path, "6.1", Guess(1, 0.5, 0))
    _, status = os.waitpid(another_process(write), 0)
    assert os.waitstatus_to_exitcode(status) == 9
    assert list(read_guesses(tmp_path)) == ["6.1"]
    keep(tmp_path, "6.3", Guess(1, 0.5, 0))  # and the next writer clears up
    assert list(read_guesses(tmp_path)) == ["6.1", "6.3"]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_two_notebooks_at_once_lose_no_guess(tmp_path):
    def write(lesson):
        for n in range(20):
            keep(tmp_path, f"{lesson}.{n}", Guess(n, 1, 0))

    for pid in [another_process(partial(write, lesson)) for lesson in (6, 7)]:
        os.waitpid(pid, 0)
    assert len(read_guesses(tmp_path)) == 40


def test_it_waits_for_another_notebook_but_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "PATIENCE", 0.2)
    with (
        another_process_holding(tmp_path / f".{FILE}.lock") as other,
        pytest.raises(SpamftError, match=r"another notebook has locked it"),
    ):
        keep(tmp_path, "6.1", Guess(1, 1, 0))
    monkeypatch.setattr(record, "PATIENCE", 60)
    with another_process_holding(tmp_path / f".{FILE}.lock") as other:
        threading.Timer(0.3, other.kill).start()
        keep(tmp_path, "6.1", Guess(1, 1, 0))
    assert list(read_guesses(tmp_path)) == ["6.1"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(SpamftError, match="cannot write to"):
        keep(tmp_path, "6.1", Guess(1, 1, 0))


def test_a_guess_is_a_choice_or_a_number_and_a_probability():
    for answer, sure, choices in [
        (None, 0.5, 3),
        (float("nan"), 0.5, 0),
        ("a", 1.5, 3),
        ("a", "much", 3),
        ("a", 0.5, 7),
    ]:
        with pytest.raises(ValueError, match="is no guess"):
            Guess(answer, sure, choices)


def test_the_file_is_plain_json(tmp_path):
    keep(tmp_path, "6.1", Guess(1.6, 0.8, 0))
    assert json.loads((tmp_path / FILE).read_text())["6.1"]["sure"] == 0.8
