"""The SMS file -> a balanced, labelled, split DataFrame.

    download -> read_messages -> balance -> encode_labels -> random_split -> save_splits

Every step takes and returns plain DataFrames with the columns `Label` and `Text`
and changes none: running a cell twice does no harm, any step can be skipped.
"""

import csv
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from spamft.fetch import fetch
from spamft.formats import UCI_LABELS, read_pairs

__all__ = [
    "Splits",
    "balance",
    "count_leaks",
    "download",
    "duplicate_groups",
    "encode_labels",
    "label_names",
    "load_splits",
    "put_aside",
    "random_split",
    "read_messages",
    "save_splits",
]

# The lecture's address, then its backup
URLS = (
    "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip",
    "https://f001.backblazeb2.com/file/LLMs-from-scratch/sms%2Bspam%2Bcollection.zip",
)
ARCHIVE_BYTES = 203_415
ARCHIVE_SHA256 = "1587ea43e58e82b14ff1f5425c88e17f8496bfcdb67a583dbff9eefaf9963ce3"
MEMBER = "SMSSpamCollection"  # the one file of the archive that is wanted
MEMBER_BYTES = 477_907
MEMBER_LINES = 5_574
MEMBER_SHA256 = "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d"


class Splits(NamedTuple):
    """The three parts of one dataset; they share no row."""

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


def download(
    folder: Path | str = "data",
    archive: Path | str | None = None,
    *,
    timeout: float = 10.0,
    retries: int = 2,
    deadline: float = float("inf"),
    progress: bool = True,
) -> Path:
    """Have the UCI collection in `folder` as SMSSpamCollection.tsv; return its path.

    A valid file already there is kept without touching the network. `archive` is a
    zip at hand, taken instead of URLS. Size and SHA-256 are checked, and the file
    appears whole or not at all. `timeout`, `retries` and
    `deadline` are `fetch`'s.

    Raises DownloadError with every address, why it failed, and the way by hand;
    ValueError if `archive` is not the collection.
    """
    target = Path(folder) / f"{MEMBER}.tsv"
    if target.exists():
        content = target.read_bytes()
        if _is_collection(canonical := content.replace(b"\r\n", b"\n")):
            if canonical != content:
                _write(target, canonical)
            return target
    if archive is not None:
        _write(target, _extract(Path(archive)))
        return target
    downloaded = target.with_name("sms_spam_collection.zip")
    try:
        fetch(
            URLS,
            downloaded,
            size=ARCHIVE_BYTES,
            digest=ARCHIVE_SHA256,
            remedy=(
                f"by hand: download {URLS[0]} in a browser, then\n"
                "  give its path: --data <the zip>, in Python download(archive=...);\n"
                f"  or unzip {MEMBER} as {target}"
            ),
            timeout=timeout,
            retries=retries,
            deadline=deadline,
            progress=progress,
        )
        _write(target, _extract(downloaded))
    finally:
        downloaded.unlink(missing_ok=True)
    return target


def read_messages(
    path: Path | str,
    lecture: bool = False,
    *,
    text: str | None = None,
    label: str | None = None,
) -> pd.DataFrame:
    """Read messages into the columns `Label` and `Text`, both strings.

    Opens the UCI file (no header, `label<TAB>text` a line, quotes are text), the
    Kaggle spam.csv, and any CSV or TSV in UTF-8 with a header; `text` and `label`
    name its columns if they are not called Text and Label. `lecture=True` reads the
    UCI file as the lecture does, which takes `"` for quoting and so loses 2 of its
    5,574 messages.

    Raises ValueError with file, line and what was expected.
    """
    path = Path(path)
    if lecture:
        if text or label:
            raise ValueError("lecture=True reads the UCI file, which names no columns")
        return _read_as_the_lecture(path)
    return pd.DataFrame(
        read_pairs(path, text, label), columns=["Label", "Text"], dtype=str
    )


def label_names(df: pd.DataFrame) -> tuple[str, ...]:
    """The labels in order: the place of each is its class id.

    >>> label_names(pd.DataFrame({"Label": ["spam", "ham", "spam"]}))
    ('ham', 'spam')
    """
    if pd.api.types.is_integer_dtype(df["Label"]):
        raise ValueError("the labels are class ids already: ask before encode_labels")
    names = df["Label"].unique()
    numbers = all(name.isdecimal() for name in names)  # 2 before 10
    names = tuple(sorted(names, key=int if numbers else str))
    if len(names) < 2:
        raise ValueError(f"expected at least 2 classes, found only {list(names)}")
    return names


def balance(df: pd.DataFrame, *, seed: int = 123) -> pd.DataFrame:
    """Draw as many messages of every label as the rarest has; the lecture's 747 + 747.

    The rarest keeps all of its rows and their order.
    """
    counts = df["Label"].value_counts()
    parts = []
    for name in sorted(counts.index):
        rows = df[df["Label"] == name]
        if len(rows) > counts.min():
            rows = rows.sample(counts.min(), random_state=seed)
        parts.append(rows)
    return pd.concat(parts)


def encode_labels(df: pd.DataFrame, names: Sequence[str] = UCI_LABELS) -> pd.DataFrame:
    """Replace each label by its place in `names`: ham 0, spam 1.

    Labels that already are such numbers stay, so that running it twice is harmless.
    Raises ValueError for any other label.
    """
    ids = {name: number for number, name in enumerate(names)}
    done = pd.api.types.is_integer_dtype(df["Label"])
    known = range(len(names)) if done else list(names)
    unknown = df[~df["Label"].isin(known)]
    if len(unknown):
        label, index = unknown["Label"].tolist()[0], unknown.index[0]
        raise ValueError(
            f"unknown label {label!r} at index {index} ({len(unknown)} such rows): "
            f"expected one of {list(known)}"
        )
    return df if done else df.assign(Label=df["Label"].map(ids).astype("int64"))


def random_split(
    df: pd.DataFrame,
    train_fraction: float = 0.7,
    validation_fraction: float = 0.1,
    *,
    groups: pd.Series | None = None,
    seed: int = 123,
) -> Splits:
    """Shuffle `df` and cut it into train, validation and test; test takes the rest.

    With `groups` (one value a row, on the index of `df`; see `duplicate_groups`) the
    rows of one group stay in one part, and the cuts move to the nearest such place.

    >>> df = pd.DataFrame({"Label": ["ham"] * 10, "Text": list("abcdefghij")})
    >>> [len(part) for part in random_split(df)]
    [7, 1, 2]
    """
    fractions = (train_fraction, validation_fraction)
    if not (min(fractions) > 0 and sum(fractions) < 1):
        raise ValueError(
            f"{train_fraction=} and {validation_fraction=} must be above 0 and "
            "leave something for the test part"
        )
    train_end = int(len(df) * train_fraction)
    validation_end = train_end + int(len(df) * validation_fraction)
    if groups is not None:
        df = df.assign(_group=groups)
        if df["_group"].isna().any():
            raise ValueError("groups must give a value for every row of the frame")
    shuffled = df.sample(frac=1, random_state=seed).reset_index(drop=True)
    if groups is None:
        part_of = pd.Series(0, index=shuffled.index)
        part_of[train_end:] = 1
        part_of[validation_end:] = 2
    else:
        part_of = _part_of_group(shuffled.pop("_group"), train_end, validation_end)
    parts = [shuffled[part_of == i].reset_index(drop=True) for i in range(3)]
    if not all(map(len, parts)):
        raise ValueError(
            f"{len(df)} rows give parts of {', '.join(str(len(p)) for p in parts)}: "
            "none may be empty"
        )
    return Splits(*parts)


def duplicate_groups(df: pd.DataFrame) -> pd.Series:
    """Number the messages so that equal ones share a number, on the index of `df`.

    Equal means: the same words in the same order, whatever their case, punctuation
    and symbols, the spaces between them and the digits of numbers. A message of
    nothing but punctuation and symbols equals only itself.
    """
    folded = df["Text"].map(lambda text: _fold(text) or text)
    return pd.Series(pd.factorize(folded)[0], index=df.index, name="group")


def count_leaks(splits: Splits) -> dict[str, dict[str, int]]:
    """How many validation and test messages stand in train, word for word or folded.

    For example `{"validation": {"exact": 13, "folded": 16}, "test": ...}`; folded as
    in `duplicate_groups`, so that it counts the exact ones too.
    """
    everything = pd.concat(splits, keys=Splits._fields)
    groups = duplicate_groups(everything)
    leaks = {}
    for name in ("validation", "test"):
        exact = everything.loc[name, "Text"].isin(everything.loc["train", "Text"])
        folded = groups.loc[name].isin(groups.loc["train"])
        leaks[name] = {"exact": int(exact.sum()), "folded": int(folded.sum())}
    return leaks


def put_aside(df: pd.DataFrame, splits: Splits) -> pd.DataFrame:
    """The rows of `df` that balancing left out, and that equal none in `splits`.

    Equal as in `duplicate_groups`; of rows that equal each other the first stays.
    """
    used = pd.concat(splits)
    both = pd.concat([used[["Text"]], df[["Text"]]], ignore_index=True)
    groups = duplicate_groups(both).to_numpy()
    seen, own = groups[: len(used)], groups[len(used) :]
    fresh = pd.Series(own, index=df.index)
    return df[~fresh.isin(seen).to_numpy() & ~fresh.duplicated().to_numpy()]


def save_splits(splits: Splits, folder: Path | str = ".") -> list[Path]:
    """Write train.csv, validation.csv and test.csv, each whole or not at all."""
    paths = []
    for name, part in zip(Splits._fields, splits, strict=True):
        # Python's csv leaves a lone carriage return unquoted, and then reads two rows
        alone = part["Text"].str.contains("\r", regex=False).any()
        quoting = csv.QUOTE_NONNUMERIC if alone else csv.QUOTE_MINIMAL
        content = part.to_csv(index=False, lineterminator="\n", quoting=quoting)
        path = Path(folder) / f"{name}.csv"
        _write(path, content.encode())
        paths.append(path)
    return paths


def load_splits(folder: Path | str = ".") -> Splits:
    """Read what `save_splits` wrote, to the letter; number labels become numbers."""
    parts = [
        read_messages(Path(folder) / f"{name}.csv", text="Text", label="Label")
        for name in Splits._fields
    ]
    if all(part["Label"].str.fullmatch(r"0|[1-9]\d*").all() for part in parts):
        parts = [part.astype({"Label": "int64"}) for part in parts]
    return Splits(*parts)


def _is_collection(content: bytes) -> bool:
    return sha256(content).hexdigest() == MEMBER_SHA256


def _extract(archive: Path) -> bytes:
    """The one wanted member of the UCI archive, with Unix line ends."""
    try:
        with zipfile.ZipFile(archive) as file:
            # CRLF copies have one byte more a line; what is larger is not read at all
            if file.getinfo(MEMBER).file_size > MEMBER_BYTES + MEMBER_LINES:
                raise ValueError(f"{archive}: its {MEMBER} is larger than the real one")
            content = file.read(MEMBER).replace(b"\r\n", b"\n")
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{archive}: not the UCI archive: {reason}") from error
    if not _is_collection(content):
        raise ValueError(
            f"{archive}: its {MEMBER} has {len(content):,} bytes and another SHA-256 "
            f"than the real one of {MEMBER_BYTES:,} bytes"
        )
    return content


def _write(target: Path, content: bytes) -> None:
    """Write beside the target and rename, so that no half file ever has its name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


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
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    if not df["Label"].isin(UCI_LABELS).all():
        raise ValueError(f"{path} has another layout than the UCI file: lecture=False")
    return df


def _part_of_group(groups: pd.Series, train_end: int, validation_end: int) -> pd.Series:
    """The part (0, 1, 2) of every row, such that a group has one part."""
    order, _ = pd.factorize(groups)  # groups numbered as the shuffle brought them
    ends = pd.Series(order).value_counts().sort_index().cumsum()
    cuts = [int((ends - end).abs().argmin()) + 1 for end in (train_end, validation_end)]
    return pd.Series(order).map(lambda group: sum(group >= cut for cut in cuts))


def _fold(text: str) -> str:
    kept = (
        c
        for c in text.casefold()
        if c.isspace() or unicodedata.category(c)[0] in "LMN"  # letters, marks, numbers
    )
    return " ".join(re.sub(r"\d+", "0", "".join(kept)).split())
