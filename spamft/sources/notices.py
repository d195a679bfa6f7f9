"""Genuine notices, and spam that imitates them, which `finetune(robust=True)` learns.

Written by others than the locked ones, on which the result is measured.
"""

from pathlib import Path

import pandas as pd

from spamft.data import read_messages

__all__ = ["NOTICES", "notices"]

NOTICES = Path(__file__).parents[1] / "assets" / "notices" / "messages.tsv"


def notices() -> pd.DataFrame:
    """282 genuine notices, ham, and 288 spam; columns Label and Text."""
    return read_messages(NOTICES)
