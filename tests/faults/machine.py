"""The real command in a fork of this process, under a limit that its machine sets.

command(arguments, limit)    what `python -m spamft` would end with and show
file_size(most), ordinary    such limits

What it needs is imported already, so that one costs little more than its work.
"""

import ctypes
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from spamft.cli.main import main

SECONDS = 60  # more than that is a hang
READ_ANYTHING = (1, 2, 3)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
VERSION_3 = 0x20080522  # of the system call `capset`
DROP_FROM_BOUNDS = 24  # PR_CAPBSET_DROP


class Shown(NamedTuple):
    """How a command ended: its exit code, or the signal as a negative number."""

    code: int
    out: str
    err: str


def command(
    arguments: Sequence[object],
    limit: Callable[[], None] = lambda: None,
    cwd: Path | None = None,
) -> Shown:
    """Run a command line with what `limit` does to its process before it begins."""
    out, err = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_command(list(map(str, arguments)), limit, cwd, out[1], err[1])
    shown = []
    for reader, writer in (out, err):
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as pipe:
            shown.append(pipe.read())
    _, status = os.waitpid(child, 0)
    return Shown(os.waitstatus_to_exitcode(status), *shown)


def _be_the_command(
    arguments: list[str],
    limit: Callable[[], None],
    cwd: Path | None,
    out: int,
    err: int,
) -> NoReturn:
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        for number, name in ((out, "stdout"), (err, "stderr")):
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8"))
        if cwd:
            os.chdir(cwd)
        limit()
        code = main(arguments)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def file_size(most: int) -> Callable[[], None]:
    """No file may grow beyond `most` bytes, as if the disk were full then."""
    # the signal that comes with it is ignored by Python from the beginning
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def address_space(most: int) -> Callable[[], None]:
    """The process may have `most` bytes of addresses."""
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most))


def ordinary() -> None:
    """Heed the modes of files as every user must but root, here and after `exec`."""
    if os.geteuid() != 0:
        return
    system = ctypes.CDLL(None, use_errno=True)
    for number in READ_ANYTHING:
        system.prctl(DROP_FROM_BOUNDS, number, 0, 0, 0)
    kept = 0xFFFFFFFF & ~sum(1 << number for number in READ_ANYTHING)
    header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    if system.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    low = [number & kept for number in sets[:3]]  # effective, permitted, inheritable
    if system.capset(header, (ctypes.c_uint32 * 6)(*low, *sets[3:])):
        raise OSError(ctypes.get_errno(), "capset")
