"""What a command writes: its progress, which may get lost, and its results.

say(line)      progress: if nobody can read it any more, the work goes on
warn(line)     what the user should know of the results, on standard error
emit(text)     the result itself: if it cannot be written, that is an error
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TextIO

from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError

__all__ = [
    "emit",
    "is_typed",
    "lines_of_input",
    "on_terminal",
    "open_streams",
    "say",
    "warn",
]


def open_streams() -> None:
    """Make the standard streams usable, whatever state they were handed over in.

    A closed one becomes the null device: else the next file that is opened takes its
    number, and messages would be written into it. What cannot be shown in the
    terminal's encoding is shown by number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, as long as the process
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # None, or a test's
            stream.reconfigure(errors="backslashreplace")


def on_terminal() -> bool:
    """Whether a person watches the progress."""
    return sys.stderr is not None and sys.stderr.isatty()


def say(line: object) -> None:
    """Print a line of progress, if that is possible."""
    try:
        print(visible(str(line), keep="\n\t"), flush=True)
    except (OSError, ValueError):  # a closed pipe, a full disk, a closed stream
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, as long as the process


def warn(line: object) -> None:
    """Print a line on standard error, apart from results, if that is possible."""
    with suppress(OSError, ValueError):
        print(f"spamft: {visible(str(line))}", file=sys.stderr, flush=True)


def emit(text: object, *, flush: bool = False) -> None:
    """Print a result; raises OSError or SpamftError if that is not possible."""
    if sys.stdout is None:
        raise SpamftError("standard output is closed: nothing can be printed")
    print(visible(str(text), keep="\n\t"), flush=flush)


def is_typed() -> bool:
    """Whether a person types the input."""
    return sys.stdin is not None and sys.stdin.isatty()


def lines_of_input() -> Iterable[str]:
    """The lines of standard input. Raises SpamftError if it is closed."""
    if sys.stdin is None:
        raise SpamftError("standard input is closed: give texts or --file")
    with suppress(AttributeError, OSError, ValueError):  # a test's, or read already
        # what is no text stays recognisable, so that its line can be named
        sys.stdin.reconfigure(errors="surrogateescape")
    return _decoded(sys.stdin)


def _decoded(stream: TextIO) -> Iterator[str]:
    number = 0
    try:
        for number, line in enumerate(stream, start=1):
            if odd := re.search("[\udc80-\udcff]", line):
                raise _no_text(f"{number}", ord(odd.group()) - 0xDC00)
            yield line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise _no_text(f"{number + 1} or after", error.object[error.start]) from error


def _no_text(line: str, byte: int) -> SpamftError:
    return SpamftError(
        f"standard input, line {line}: byte {byte:#04x} is not "
        f"{sys.stdin.encoding}: name its encoding, as in PYTHONIOENCODING=cp1252, or "
        "convert it first, as in `iconv -f cp1252 -t utf-8`"
    )
