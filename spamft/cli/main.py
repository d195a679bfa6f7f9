"""Find the command, run it, and turn its errors into one line and an exit code."""

import argparse
import errno
import importlib
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from spamft import __version__
from spamft.cli.console import open_streams
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.threads import prepare_threads, use_threads

__all__ = ["COMMANDS", "main"]

COMMANDS = (
    "spamft.cli.finetune",
    "spamft.cli.evaluate",
    "spamft.cli.classify",
    "spamft.cli.export",
    "spamft.cli.audit",
    "spamft.cli.compare",
    "spamft.cli.labels",
    "spamft.cli.stress",
    "spamft.cli.page",
    "spamft.cli.pretrain",
    "spamft.cli.doctor",
)

# torch has one error for everything; the loader says it of libraries; and extensions
# written in C may fail without a word
_SHORT_OF_MEMORY = re.compile(
    "allocate memory|out of memory|not enough memory|failed to map segment|"
    "can't start new thread|without exception set|without setting an exception",
    re.I,
)
# safetensors has one error for everything, too
_NO_ROOM = re.compile("no space left|file too large|quota exceeded", re.I)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        if message.startswith("unrecognized") and self.prog.endswith(" classify"):
            message += " (a text that begins with a dash goes behind --)"
        raise SpamftError(f"{message}; `{self.prog} --help` lists the options")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    0 when all is well, 1 if `doctor` found that it is not, 2 for an error that the user
    can correct, which is one line, 130 after Ctrl-C, 143 when told to stop. Any other
    error is a bug and shows its traceback.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    open_streams()
    prepare_threads()
    with _stoppable():
        try:
            args = _parser(arguments).parse_args(arguments)
            if args.threads is not None:
                use_threads(args.threads)
            code = args.run(args)
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where its failure can be told
            return code or 0
        except BrokenPipeError:  # the reader, say `head`, has enough
            _silence()
            return 0
        except (KeyboardInterrupt, _Stopped) as stop:
            _complain(f"interrupted: {_what_is_left(arguments)}")
            return 143 if isinstance(stop, _Stopped) else 130
        except Exception as error:
            if "--debug" in arguments or not (line := _in_one_line(error)):
                raise
            _complain(line)
            return 2


class _Stopped(BaseException):
    """The system asked the process to end."""


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let SIGTERM end the work as Ctrl-C does, with everything cleaned up."""

    def stop(number: int, frame: object) -> None:
        raise _Stopped

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _what_is_left(arguments: Sequence[str]) -> str:
    """What an interrupted command leaves behind."""
    if arguments[:1] == ["finetune"]:
        return (
            "nothing was saved unless a line above names it; --resume continues at the "
            "last checkpoint, if any"
        )
    one_task = {"--unlabelled", "--merge"} & set(arguments)
    if arguments[:1] == ["classify"] and "--output" in arguments:
        return "the same command continues, if any of it was done"
    if arguments[:1] == ["labels"] and "--output" in arguments and not one_task:
        return "the same command continues"
    if arguments[:1] in (["compare"], ["pretrain"]):
        return "the same command continues"
    return "nothing was saved"


def _in_one_line(error: Exception) -> str:
    """What the user can do something about, in words; "" for a bug."""
    line = " | ".join(filter(None, map(str.strip, str(error).splitlines())))
    if isinstance(error, SpamftError):
        return line
    if isinstance(error, OSError):
        return _advice(error, line) or type(error).__name__
    if isinstance(error, MemoryError) or _SHORT_OF_MEMORY.search(line):
        words = line[:200] or type(error).__name__
        return f"out of memory: use a smaller model, batch or file ({words})"
    return ""


def _advice(error: OSError, line: str) -> str:
    """What to do, then the system's own words."""
    if _NO_ROOM.search(line):
        return f"no room to write: free space on that disk or choose another ({line})"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"not allowed: choose another place or change its permissions ({line})"
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return f"the folder you are in is gone: change to another one ({line})"
    return line


def _complain(line: str) -> None:
    with suppress(OSError, ValueError):
        print(f"spamft: {visible(line)}", file=sys.stderr, flush=True)


def _silence() -> None:
    """Keep Python from complaining, as it exits, about output that nobody reads."""
    with suppress(AttributeError, OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(prog="spamft", description="Finetune a GPT to classify text.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for path in COMMANDS:
        module, name = importlib.import_module(path), path.rpartition(".")[2]
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=module.run)
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )
        command.add_argument(
            "--threads",
            type=int,
            metavar="N",
            help="that compute (default as many as this process may use processors)",
        )
        if name in arguments:  # the options of the others would take time to import
            module.add(command)
    return parser
