"""A name or a file -> labelled messages, and the same ready to train on.

"auto" asks for the SMS Spam Collection, falls back to the bundled sample where it
cannot be had, and says which. Any other name either works or raises; there is no
fallback.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from spamft.data import (
    Splits,
    balance,
    download,
    encode_labels,
    label_names,
    random_split,
    read_messages,
)
from spamft.plumbing.display import in_counts, naming, visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import DownloadError, Patience
from spamft.plumbing.formats import has_header
from spamft.sources.collection import Messages, OpenCollection
from spamft.sources.duplicates import count_leaks, duplicate_groups
from spamft.sources.sample import open_sample
from spamft.sources.uci import open_uci

__all__ = ["COLLECTIONS", "PreparedData", "open_messages", "open_splits"]

COLLECTIONS: dict[str, OpenCollection] = {
    "uci": open_uci,
    "sample": open_sample,
}
QUICK = Patience(timeout=2.0, retries=0, deadline=2.0)  # when there is a choice


class PreparedData(NamedTuple):
    """Messages made ready to train on, and how they were before."""

    df: pd.DataFrame  # as opened, with labels as words
    source: str
    names: tuple[str, ...]  # of the labels, by class id
    splits: Splits  # with class ids
    balanced: bool = True  # every class undersampled to the rarest
    lecture: bool = False  # read and cut as the lecture does
    seed: int = 123  # of balancing and cutting

    @property
    def leaks(self) -> dict[str, dict[str, int]]:
        """Messages in more than one part, as `count_leaks` counts them."""
        return count_leaks(self.splits)

    def __str__(self) -> str:
        classes = in_counts(self.df["Label"].value_counts())
        sizes = " / ".join(f"{len(part):,}" for part in self.splits)
        return (
            f"{visible(self.source)}: {len(self.df):,} messages ({classes}); "
            f"train / validation / test {sizes}"
        )


def open_messages(
    data: str | Path = "auto",
    *,
    lecture: bool = False,
    text_column: str | None = None,
    label_column: str | None = None,
    cache_dir: Path | str = "data",
    progress: bool = False,
) -> Messages:
    """Messages by the name of a collection, or from a file.

    "uci" is the SMS Spam Collection, downloaded into `cache_dir`; "sample" the messages
    of this package; "auto" the first of the two that can be had. A file is the
    collection's zip, or what `read_messages` opens; `lecture` and the names of columns
    are explained there. Raises DownloadError or SpamftError.
    """
    data = str(data)
    named = data == "auto" or data in COLLECTIONS or data.endswith(".zip")
    if named and (text_column or label_column):
        raise SpamftError(
            f"text and label name columns of a CSV or TSV, not of {data!r}"
        )
    options = {"lecture": lecture, "progress": progress}
    if data == "auto":
        try:
            return open_uci(cache_dir, patience=QUICK, **options)
        except (DownloadError, OSError):  # or `cache_dir` cannot be written
            df, source = open_sample(cache_dir, patience=QUICK, **options)
        return Messages(df, f"{source} (the SMS Spam Collection cannot be reached)")
    if data in COLLECTIONS:
        return COLLECTIONS[data](cache_dir, patience=Patience(), **options)
    return _open_file(Path(data), lecture, text_column, label_column)


def open_splits(
    data: str | Path = "auto",
    *,
    lecture: bool = False,
    balanced: bool = True,
    text_column: str | None = None,
    label_column: str | None = None,
    cache_dir: Path | str = "data",
    seed: int = 123,
    progress: bool = False,
) -> PreparedData:
    """Open messages, balance them, number their labels and cut them 70 / 10 / 20.

    Duplicates are kept in one part; `lecture=True` gives the lecture's three parts to
    the row instead, leaks included. `balanced=False` keeps all rows. The rest is as in
    `open_messages`.
    """
    df, source = open_messages(
        data,
        lecture=lecture,
        text_column=text_column,
        label_column=label_column,
        cache_dir=cache_dir,
        progress=progress,
    )
    with naming(data):
        names = label_names(df)
        used = encode_labels(balance(df, seed=seed) if balanced else df, names)
        groups = None if lecture else duplicate_groups(used)
        splits = random_split(used, groups=groups, seed=seed)
    return PreparedData(df, source, names, splits, balanced, lecture, seed)


def _open_file(
    path: Path, lecture: bool, text_column: str | None, label_column: str | None
) -> Messages:
    if not path.is_file():
        names = ", ".join(["auto", *COLLECTIONS])
        raise SpamftError(f"no file {str(path)!r}: expected {names} or a file")
    if path.suffix == ".zip":
        with tempfile.TemporaryDirectory() as unzipped:
            df = read_messages(download(unzipped, archive=path), lecture)
        return Messages(df, f"the SMS Spam Collection, {path.name}")
    columns = {"text_column": text_column, "label_column": label_column}
    if any(columns.values()) or has_header(path):
        lecture = False  # a table is read in one way
    return Messages(read_messages(path, lecture, **columns), path.name)
