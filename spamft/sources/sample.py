"""The messages that come with the package, so that it runs with no network."""

from pathlib import Path

from spamft.data import read_messages
from spamft.plumbing.fetch import Patience
from spamft.sources.collection import Messages

__all__ = ["SAMPLE", "open_sample"]

SAMPLE = Path(__file__).parents[1] / "assets" / "sample" / "messages.tsv"


def open_sample(
    cache_dir: Path | str, *, lecture: bool, patience: Patience, progress: bool
) -> Messages:
    """The bundled messages; there is one way to read them, and no download."""
    return Messages(read_messages(SAMPLE), "the bundled sample")
