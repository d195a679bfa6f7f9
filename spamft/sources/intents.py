"""What does the sender want? A second task that comes with the package: four classes,
the same words in all of them, so that the meaning of a message decides.
"""

from pathlib import Path

from spamft.data import read_messages
from spamft.plumbing.fetch import Patience
from spamft.sources.collection import Messages

__all__ = ["INTENTS", "open_intents"]

INTENTS = Path(__file__).parents[1] / "assets" / "intents" / "messages.tsv"


def open_intents(
    cache_dir: Path | str, *, lecture: bool, patience: Patience, progress: bool
) -> Messages:
    """The bundled intents; there is one way to read them, and no download."""
    return Messages(read_messages(INTENTS), "the bundled intents")
