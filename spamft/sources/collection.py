"""What a collection of messages is: a name that opens to labelled messages."""

from pathlib import Path
from typing import NamedTuple, Protocol

import pandas as pd

from spamft.data import read_messages
from spamft.plumbing.fetch import Patience

__all__ = ["Messages", "OpenCollection", "bundled"]


class Messages(NamedTuple):
    """Messages with the columns Label and Text, and a line on their origin."""

    df: pd.DataFrame
    source: str


class OpenCollection(Protocol):
    """What stands behind a name in COLLECTIONS."""

    def __call__(
        self,
        cache_dir: Path | str,
        *,
        lecture: bool,
        patience: Patience,
        progress: bool,
    ) -> Messages:
        """Open the collection; what it downloads goes into `cache_dir`.

        `lecture` asks for the lecture's way of reading, where there is one. Raises
        DownloadError within the limits of `patience`.
        """


def bundled(path: Path, source: str) -> OpenCollection:
    """A collection that is a file of this package: one way to read it, no download."""

    def open_bundled(
        cache_dir: Path | str, *, lecture: bool, patience: Patience, progress: bool
    ) -> Messages:
        return Messages(read_messages(path), source)

    return open_bundled
