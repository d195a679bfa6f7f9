"""Locks that end with the process that holds them, however it ends.

with only_one(folder): ...     no other process writes there meanwhile
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spamft.plumbing.errors import SpamftError

__all__ = ["Lock", "only_one", "take"]

_held: set[Path] = set()  # by this process, with `only_one`


class Lock:
    """An open file that is locked as long as it is open."""

    def __init__(self, path: Path, descriptor: int):
        self.path, self.descriptor = path, descriptor

    def sign(self) -> None:
        """Write this process's number into the file, for whoever is refused."""
        with suppress(OSError):  # a full disk: it is locked without a number, too
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Remove the file and let go of it."""
        if os.name == "nt":  # which does not remove open files
            os.close(self.descriptor)
        # elsewhere first, so that nobody takes the lock of a file that is about to go
        with suppress(OSError):
            self.path.unlink()
        if os.name != "nt":
            os.close(self.descriptor)


def take(path: Path) -> Lock | None:
    """Lock the file at `path`, made if need be; None while another process has it.

    Raises OSError where there is no such folder, or its file system has no locks.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
            # it may have been removed, by the one who had it, since it was opened
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return Lock(path, descriptor)
            os.close(descriptor)
        except FileNotFoundError:
            os.close(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                return None
            raise


@contextmanager
def only_one(place: Path | str) -> Iterator[None]:
    """Keep other processes from working on `place` until the block ends.

    Within a process it may be nested. Raises SpamftError that names the other process.
    """
    place = Path(place).resolve()
    if place in _held:
        yield
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    path = place.with_name(f".{place.name}.lock")
    lock = take(path)
    if lock is None:
        raise SpamftError(
            f"{_owner(path)} is at work on {place} and has locked {path}: "
            "wait until it ends, or choose another place"
        )
    lock.sign()
    _held.add(place)
    try:
        yield
    finally:
        _held.discard(place)
        lock.release()


def _owner(path: Path) -> str:
    """Which process has locked this file, in words."""
    with suppress(OSError):
        if (number := path.read_text()).isdecimal():
            return f"process {number}"
    return "another process"


def _lock(descriptor: int) -> None:
    """Lock an open file, or raise OSError at once."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
