"""Kill a process before one of its changes to the file system, and see what is left.

A change is what Python's audit events tell: a file opened to be written, a rename, a
removal, a folder made, and `spamft.swap`. The process is a fork of this one, so that
what it needs is imported already.
"""

import hashlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CHANGES = {
    *("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink"),
    *("os.truncate", "os.chmod", "spamft.swap"),
}
ENDED = 77  # the child's exit code if it came to its end


def tree(path: Path) -> dict[str, str] | None:
    """What is at `path`: SHA-256 by name, or None if there is nothing."""
    if path.is_file():
        return {"": hashlib.sha256(path.read_bytes()).hexdigest()}
    if not path.exists():
        return None
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return {
        str(each.relative_to(path)): hashlib.sha256(each.read_bytes()).hexdigest()
        for each in files
    }


def run(
    work: Callable[[], None], kill_at: int | None = None, with_signal: int = 0
) -> tuple[int, int]:
    """Do `work` in a fork: (how it ended, as `waitpid` tells; changes until then).

    With `kill_at` it gets the signal before that change, counted from 0.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work_and_exit(work, kill_at, with_signal, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        changes = len(pipe.read())
    _, status = os.waitpid(child, 0)
    return status, changes


def _work_and_exit(
    work: Callable[[], None], kill_at: int | None, with_signal: int, writer: int
) -> None:
    """In the child: work, and exit without the parent's clean-up."""
    done = 0

    def watch(event: str, arguments: tuple) -> None:
        nonlocal done
        if event in CHANGES or (event == "open" and _writes(*arguments)):
            if done == kill_at:
                done += 1
                os.kill(os.getpid(), with_signal)
                return
            done += 1
            os.write(writer, b".")

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)  # as the command line does
    sys.addaudithook(watch)
    try:
        work()
    except BaseException:
        os._exit(1)
    os._exit(ENDED)


def _writes(path: object, mode: str | None, flags: int) -> bool:
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) and path != os.devnull
