"""A field of a dataclass that is also an option of the command line: defined once."""

from collections.abc import Callable
from dataclasses import field
from typing import Any

__all__ = ["option"]


def option(
    default: Any,
    help: str,
    metavar: str | None = None,
    *,
    several: bool = False,
    read: Callable[[str], Any] | None = None,
) -> Any:
    """A field with this default, which `cli.options.add_options` makes `--its-name`.

    `several` takes the option more than once; `read` makes the value of its word.
    """
    about = {"help": help, "metavar": metavar, "several": several, "read": read}
    return field(default=default, metadata=about)
