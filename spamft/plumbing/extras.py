"""Libraries that only some users need: imported where they are used, or one line."""

import importlib
from types import ModuleType

from spamft.plumbing.errors import SpamftError

__all__ = ["needed"]


def needed(name: str, purpose: str, extra: str) -> ModuleType:
    """The module `name`. Raises SpamftError, with what to install, if it is not there.

    >>> needed("no_such_library", "to fly", "wings")
    Traceback (most recent call last):
    spamft.plumbing.errors.SpamftError: to fly, install no_such_library: pip install \
'spamft[wings]'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        library = name.partition(".")[0]
        raise SpamftError(
            f"{purpose}, install {library}: pip install 'spamft[{extra}]'"
        ) from error
