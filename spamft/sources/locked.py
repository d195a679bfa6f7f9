"""Genuine notices, and spam that imitates them, for testing alone.

They are no collection that `open_messages` knows by name, so that `--data` cannot train
on them by accident.
"""

from pathlib import Path

import pandas as pd

from spamft.data import read_messages

__all__ = ["LOCKED", "locked_notices"]

LOCKED = Path(__file__).parents[1] / "assets" / "locked" / "messages.tsv"


def locked_notices() -> pd.DataFrame:
    """150 genuine notices, ham, and 50 imitations, spam; columns Label and Text."""
    return read_messages(LOCKED)
