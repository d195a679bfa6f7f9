"""What does the sender want? A second task that comes with the package: four classes,
the same words in all of them, so that the meaning of a message decides.
"""

from pathlib import Path

from spamft.sources.collection import bundled

__all__ = ["INTENTS", "open_intents"]

INTENTS = Path(__file__).parents[1] / "assets" / "intents" / "messages.tsv"

open_intents = bundled(INTENTS, "the bundled intents")
