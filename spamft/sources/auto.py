"""What "auto" means to a whole class: one setting of the environment, no edit of any
notebook.

    SPAMFT_DATA=sample SPAMFT_MODEL=tiny jupyter lab notebooks
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from spamft.plumbing.errors import SpamftError

__all__ = ["DATA", "MODEL", "blaming", "meant"]

DATA = "SPAMFT_DATA"  # what open_messages and open_splits take for "auto"
MODEL = "SPAMFT_MODEL"  # what open_model takes for "auto" and "gpt"


def meant(variable: str) -> str | None:
    """What the variable says; None if it is not set, or says "auto" itself."""
    value = os.environ.get(variable, "").strip()
    return None if value in ("", "auto") else value


@contextmanager
def blaming(variable: str) -> Iterator[None]:
    """Let every SpamftError of the block name the variable and its value."""
    try:
        yield
    except SpamftError as error:
        said = f"the environment says {variable}={os.environ[variable]}: {error}"
        raise type(error)(said) from error
