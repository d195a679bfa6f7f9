"""Find the command, run it, and turn its errors into one line and an exit code."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from spamft import __version__
from spamft.plumbing.errors import SpamftError

__all__ = ["COMMANDS", "main"]

COMMANDS = (
    "spamft.cli.finetune",
    "spamft.cli.evaluate",
    "spamft.cli.classify",
    "spamft.cli.audit",
    "spamft.cli.compare",
    "spamft.cli.pretrain",
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise SpamftError(f"{message}; `{self.prog} --help` lists the options")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code.

    0 when all is well, 2 for an error that the user can correct, which is one line,
    130 after Ctrl-C. Any other error is a bug and shows its traceback.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        args = _parser(arguments).parse_args(arguments)
        args.run(args)
    except BrokenPipeError:  # the reader, say `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("spamft: interrupted, nothing was saved", file=sys.stderr)
        return 130
    except (SpamftError, OSError) as error:  # OSErrors are the system's own words
        if "--debug" in arguments:
            raise
        line = " | ".join(filter(None, map(str.strip, str(error).splitlines())))
        print(f"spamft: {line or type(error).__name__}", file=sys.stderr)
        return 2
    return 0


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
        if name in arguments:  # the options of the others would take time to import
            module.add(command)
    return parser
