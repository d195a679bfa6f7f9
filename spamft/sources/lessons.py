"""What every notebook asks of the messages that it is given."""

import pandas as pd

from spamft.data import label_names
from spamft.plumbing.display import brief, in_counts
from spamft.plumbing.errors import SpamftError
from spamft.sources.labels import find_doubts

__all__ = ["lesson_names"]

FEWEST = 100  # messages of a class, so that its test part has some twenty


def lesson_names(df: pd.DataFrame, *, most: int | None = 2) -> tuple[str, ...]:
    """The classes of `df` by class id, if there is enough of each for a lesson.

    Raises SpamftError for labels that are doubtful, for more than `most` classes, where
    a lesson can show no more, and for a class with few messages.
    """
    doubts = [doubt.what for doubt in find_doubts(df)]
    if (df["Label"] != df["Label"].str.strip()).any():
        doubts.append("labels have blanks around them")
    if doubts:
        raise SpamftError(f"{brief('; '.join(doubts))}: correct that in the file first")
    names = label_names(df)
    counts = df["Label"].value_counts()
    if most is not None and len(names) > most:
        raise SpamftError(
            f"this lesson is about {most} classes, and these messages have "
            f"{len(names):,} ({brief(in_counts(counts, 3), 120)}): give it a file with "
            f"the messages of {most} of them"
        )
    few = counts[counts < FEWEST]
    if len(few):
        raise SpamftError(
            f"a lesson needs {FEWEST} messages of each class, and there are "
            f"{brief(in_counts(few, 3), 120)}: add messages, or leave the class out"
        )
    return names
