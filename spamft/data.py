"""The SMS file -> a balanced, labelled, split DataFrame.

    download -> read_messages -> balance -> encode_labels -> random_split -> save_splits

The steps pass on DataFrames with the columns `Label` and `Text` and change none, so a
cell can be run twice.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from spamft.plumbing.archive import Archive, fetch_member
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import Patience
from spamft.plumbing.files import whole_file
from spamft.reading.frame import check_frame
from spamft.reading.known import UCI_LABELS
from spamft.reading.layout import Layout
from spamft.reading.pairs import read_pairs

__all__ = [
    "SMS_COLLECTION",
    "Splits",
    "balance",
    "download",
    "encode_labels",
    "label_names",
    "load_splits",
    "random_split",
    "read_messages",
    "save_splits",
]

ROWS_AT_A_TIME = 4096  # made into text: all at once would be the job's peak of memory

# The SMS Spam Collection: the lecture's address, then its backup
SMS_COLLECTION = Archive(
    urls=(
        "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip",
        "https://f001.backblazeb2.com/file/LLMs-from-scratch/sms%2Bspam%2Bcollection.zip",
    ),
    size=203_415,
    sha256="1587ea43e58e82b14ff1f5425c88e17f8496bfcdb67a583dbff9eefaf9963ce3",
    member="SMSSpamCollection",
    member_size=477_907,
    member_lines=5_574,
    member_sha256="7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
)


class Splits(NamedTuple):
    """The three parts of one dataset; they share no row."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def download(
    folder: Path | str = "data",
    archive: Path | str | None = None,
    *,
    patience: Patience = Patience(),  # noqa: B008, it is frozen
    progress: bool = True,
) -> Path:
    """Make sure `folder` holds the UCI collection as SMSSpamCollection.tsv.

    Returns its path. A valid file already there is kept without touching the network;
    `archive` is the zip itself, taken instead of a download. Size and SHA-256 are
    checked, and the file appears whole or not at all. Raises DownloadError with every
    address, why it failed, and what to do by hand; SpamftError if `archive` is another
    file.
    """
    target = Path(folder) / f"{SMS_COLLECTION.member}.tsv"
    return fetch_member(
        SMS_COLLECTION, target, archive, patience=patience, progress=progress
    )


def read_messages(
    path: Path | str,
    lecture: bool = False,
    *,
    layout: Layout = Layout(),  # noqa: B008, it is frozen
) -> pd.DataFrame:
    """Read messages into the columns `Label` and `Text`, both strings.

    Opens the UCI file (no header, one `label<TAB>text` per line, quotation marks are
    text), Kaggle's spam.csv, CSV, TSV, JSON lines, Parquet and Excel workbooks, as
    `reading.table` does; `layout` says what the file does not, such as the names of its
    columns. `lecture=True` reads the UCI file as the lecture does, which takes `"` for
    quoting and so loses 2 of its 5,574 messages.

    Raises SpamftError with file, line and what was expected.
    """
    path = Path(path)
    if lecture:
        if layout != Layout():
            raise SpamftError("lecture=True reads the UCI file, which has one layout")
        return _read_as_the_lecture(path)
    return pd.DataFrame(read_pairs(path, layout), columns=["Label", "Text"], dtype=str)


def label_names(df: pd.DataFrame) -> tuple[str, ...]:
    """The labels in order: the place of a label is its class id.

    >>> label_names(pd.DataFrame({"Label": ["spam", "ham", "spam"]}))
    ('ham', 'spam')
    """
    check_frame(df, "Label")
    if pd.api.types.is_integer_dtype(df["Label"]):
        raise SpamftError(
            "the labels are class ids already: call label_names before encode_labels"
        )
    names = df["Label"].unique()
    numbers = all(map(_is_number, names))  # 2 before 10
    names = tuple(sorted(names, key=int if numbers else str))
    if len(names) < 2:
        raise SpamftError(
            f"expected at least 2 classes, found only {brief(list(names))}"
        )
    return names


def balance(df: pd.DataFrame, *, seed: int = 123) -> pd.DataFrame:
    """Undersample every class to the size of the rarest; 747 + 747 in the lecture.

    The rarest class keeps all of its rows, in their order.
    """
    check_frame(df, "Label")
    counts = df["Label"].value_counts()
    size, places = int(counts.min()), df.groupby("Label").indices
    parts = []
    for name in sorted(counts.index):
        rows = places[name]
        if len(rows) > size:
            rows = pd.Series(rows).sample(size, random_state=seed).to_numpy()
        parts.append(rows)
    return df.iloc[np.concatenate(parts)]


def encode_labels(df: pd.DataFrame, names: Sequence[str] = UCI_LABELS) -> pd.DataFrame:
    """Replace each label by its place in `names`: ham 0, spam 1.

    Class ids stay as they are, so running it twice is harmless; ids written as text
    count too, unless all of them are `names`. Raises SpamftError for any other label.
    """
    check_frame(df, "Label")
    ids = {name: number for number, name in enumerate(names)}
    if not pd.api.types.is_integer_dtype(df["Label"]) and _are_ids(df["Label"], names):
        df = df.astype({"Label": "int64"})
    done = pd.api.types.is_integer_dtype(df["Label"])
    known = range(len(names)) if done else list(names)
    unknown = df[~df["Label"].isin(known)]
    if len(unknown):
        label, index = unknown["Label"].tolist()[0], unknown.index[0]
        raise SpamftError(
            f"unknown label {brief(repr(label))} at index {index} "
            f"({len(unknown)} such rows): expected one of {brief(list(known))}"
        )
    return df if done else df.assign(Label=df["Label"].map(ids).astype("int64"))


def random_split(
    df: pd.DataFrame,
    train_fraction: float = 0.7,
    validation_fraction: float = 0.1,
    *,
    groups: pd.Series | None = None,
    stratified: bool = False,
    seed: int = 123,
) -> Splits:
    """Shuffle `df` and cut it into train, validation and test; test takes the rest.

    With `groups` (one value per row, on the index of `df`; see
    `sources.duplicates.duplicate_groups`) the rows of a group stay in one part, and
    each cut moves to the nearest place where that is so. `stratified` gives each part
    its share of every label, as far as whole groups allow, and train one of each.

    >>> df = pd.DataFrame({"Label": ["ham"] * 10, "Text": list("abcdefghij")})
    >>> [len(part) for part in random_split(df)]
    [7, 1, 2]
    """
    check_frame(df, "Label", "Text")
    fractions = (train_fraction, validation_fraction)
    if not (min(fractions) > 0 and sum(fractions) < 1):
        raise SpamftError(
            f"{train_fraction=} and {validation_fraction=} must be above 0 and "
            "leave something for the test part"
        )
    train_end = int(len(df) * train_fraction)
    validation_end = train_end + int(len(df) * validation_fraction)
    if groups is None:  # then every row is a group of its own
        groups = pd.Series(range(len(df)), index=df.index)
    # the places of rows are shuffled, so that texts are copied once
    rows = df[["Label"]].assign(_group=groups, _place=range(len(df)))
    if rows["_group"].isna().any():
        raise SpamftError("groups must give a value for every row of the frame")
    rows = rows.sample(frac=1, random_state=seed).reset_index(drop=True)
    if stratified:
        rows = _interleave(rows)
    part_of = _part_of_group(rows["_group"], train_end, validation_end)
    places = [rows.loc[part_of == i, "_place"] for i in range(3)]
    parts = [df.iloc[each].reset_index(drop=True) for each in places]
    if not all(map(len, parts)):
        raise SpamftError(
            f"{len(df)} rows give parts of {', '.join(str(len(p)) for p in parts)}: "
            "none may be empty, which takes 10 rows or more"
        )
    return Splits(*parts)


def save_splits(splits: Splits, folder: Path | str = ".") -> list[Path]:
    """Write train.csv, validation.csv and test.csv; return their paths."""
    paths = []
    for name, part in zip(Splits._fields, splits, strict=True):
        # Python's csv leaves a lone carriage return unquoted, and then reads two rows
        alone = part["Text"].str.contains("\r", regex=False).any()
        quoting = csv.QUOTE_NONNUMERIC if alone else csv.QUOTE_MINIMAL
        options = {"index": False, "lineterminator": "\n", "quoting": quoting}
        path = Path(folder) / f"{name}.csv"
        with whole_file(path) as unfinished:
            part.to_csv(unfinished, chunksize=ROWS_AT_A_TIME, **options)
        paths.append(path)
    return paths


def load_splits(folder: Path | str = ".") -> Splits:
    """Read what `save_splits` wrote, unchanged; labels that are numbers become int."""
    layout = Layout(text="Text", label="Label", quotes="csv")
    parts = [
        read_messages(Path(folder) / f"{name}.csv", layout=layout)
        for name in Splits._fields
    ]
    if all(part["Label"].str.fullmatch("0|[1-9][0-9]{0,17}").all() for part in parts):
        parts = [part.astype({"Label": "int64"}) for part in parts]
    return Splits(*parts)


def _read_as_the_lecture(path: Path) -> pd.DataFrame:
    read_pairs(path)  # its errors name the line, pandas' do not
    try:
        df = pd.read_csv(
            path,
            sep="\t",
            header=None,
            names=["Label", "Text"],
            dtype=str,
            keep_default_na=False,  # a message "null" is text; the UCI file has none
        )
    except ValueError as error:  # pandas' ParserError is one
        raise SpamftError(f"{path}: {brief(' '.join(str(error).split()))}") from error
    if not df["Label"].isin(UCI_LABELS).all():
        raise SpamftError(
            f"{path} is not laid out like the UCI file: use lecture=False"
        )
    return df


def _are_ids(labels: pd.Series, names: Sequence[str]) -> bool:
    """Whether labels, as words, are class ids, as finetune's CSV files have them."""
    words = set(labels)
    return all(map(_is_number, words)) and not words <= set(names)


def _is_number(word: str) -> bool:
    """Whether a label is a number, of a size that pandas has room for."""
    return word.isascii() and word.isdecimal() and len(word) < 19


def _interleave(df: pd.DataFrame) -> pd.DataFrame:
    """The rows in another order, in which each label is spread evenly.

    A group of rows counts for its first row's label. Its place is the share of the
    label's rows that come before its middle: of one group 0.5, which is in train; of
    ten 0.05, 0.15 ... 0.95, of which a cut at 0.7 leaves seven.
    """
    sizes = df.groupby("_group", sort=False)["Label"].agg(["first", "size"])
    by_label = sizes.groupby("first")["size"]
    middle = by_label.cumsum() - sizes["size"] / 2
    place = middle / by_label.transform("sum")
    order = df["_group"].map(place).argsort(kind="stable")
    return df.iloc[order].reset_index(drop=True)


def _part_of_group(groups: pd.Series, train_end: int, validation_end: int) -> pd.Series:
    """The part (0, 1 or 2) of every row, the same for all rows of a group."""
    order, _ = pd.factorize(groups)  # groups numbered in the order of the shuffle
    ends = pd.Series(order).value_counts().sort_index().cumsum()
    cuts = [int((ends - end).abs().argmin()) + 1 for end in (train_end, validation_end)]
    return pd.Series(order).map(lambda group: sum(group >= cut for cut in cuts))
