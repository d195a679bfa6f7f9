import io
import os
import subprocess
import sys

import pytest

from spamft.cli.console import emit, lines_of_input, on_terminal, say
from spamft.plumbing.errors import SpamftError


class Broken(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_progress_that_nobody_reads_does_not_stop_the_work(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken())
    say("one")
    say("two")


def test_a_result_that_cannot_be_written_is_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken())
    with pytest.raises(BrokenPipeError):
        emit("one")
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SpamftError, match="standard output is closed"):
        emit("one")
    say("progress may get lost")


def test_closed_streams(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SpamftError, match="standard input is closed: give texts"):
        lines_of_input()
    monkeypatch.setattr(sys, "stderr", None)
    assert not on_terminal()


def test_nothing_that_is_printed_acts_on_the_terminal(capsys):
    say("a\x1b[2Jb\nc\td")
    emit("a\x9bb")
    assert capsys.readouterr().out == "a␛[2Jb\nc\td\na<U+009B>b\n"


SCRIPT = """
import os, sys
from spamft.cli.console import open_streams
open_streams()
file = open(sys.argv[1], "w")
print(file.fileno() > 2, file=file)
sys.stderr.write("a message")
"""


@pytest.mark.skipif(os.name == "nt", reason="a Unix shell closes them")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_streams_number_is_given_to_no_file(tmp_path, closed):
    """Else what a library prints to number 2 would be written into a model."""
    line = f'"$0" -c "$1" "$2" {closed}'
    command = ["sh", "-c", line, sys.executable, SCRIPT, str(tmp_path / "file")]
    subprocess.run(command, check=True, capture_output=True)
    assert (tmp_path / "file").read_text() == "True\n"
