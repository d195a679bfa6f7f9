"""A frame of one's own -> one clear error, where it is not what the steps take."""

import numpy as np
import pandas as pd

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = ["check_frame"]


def check_frame(df: pd.DataFrame, *columns: str) -> None:
    """Raise SpamftError unless `df` has these of the columns Label, words or class ids,
    and Text, words, and none of their cells is missing."""
    if not isinstance(df, pd.DataFrame):
        raise SpamftError(f"expected a DataFrame, not {type(df).__name__}")
    for name in columns:
        if name not in df.columns:
            found = brief(list(df.columns), 80)
            raise SpamftError(
                f"the frame has no column {name!r}, only {found}: rename yours to "
                "Label and Text"
            )
        if not (name == "Label" and pd.api.types.is_integer_dtype(df[name])):
            _check_words(df[name])


def _check_words(column: pd.Series) -> None:
    words = column.map(lambda cell: isinstance(cell, str)).to_numpy(bool)
    if words.all():
        return
    row = int(np.flatnonzero(~words)[0])
    shown = brief(repr(column.tolist()[row]), 80)
    raise SpamftError(
        f"column {column.name!r}, row {row}: {shown} is no text "
        f"({(~words).sum():,} such rows): drop missing ones with df.dropna(), make "
        f'text of others with df["{column.name}"].astype(str)'
    )
