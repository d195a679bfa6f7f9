"""The SMS Spam Collection of the UCI repository: the lecture's messages.

Its addresses, size and hash stand in data.py, for downloading is the lecture's first
step.
"""

from pathlib import Path

from spamft.data import download, read_messages
from spamft.plumbing.fetch import Patience
from spamft.sources.collection import Messages

__all__ = ["open_uci"]


def open_uci(
    cache_dir: Path | str, *, lecture: bool, patience: Patience, progress: bool
) -> Messages:
    """The collection, downloaded into `cache_dir` unless it is there."""
    path = download(cache_dir, patience=patience, progress=progress)
    return Messages(read_messages(path, lecture), f"the SMS Spam Collection, {path}")
