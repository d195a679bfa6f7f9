"""Labels that a person gives or corrects, out to a CSV file and back.

    write_exactly(path, frame)    a table that is read back with the same texts
    read_mended(path)             the same after a person filled it in
    merge_labels(df, mended)      messages with the labels that were corrected or added

There are two kinds of files. With a column Row they correct messages of a file: row 1
is its first message. Without one they add messages, and a row whose label is still
empty waits for another time.
"""

import csv
from pathlib import Path

import pandas as pd

from spamft.plumbing.display import brief, naming
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file
from spamft.reading.layout import Layout
from spamft.reading.table import open_table

__all__ = ["merge_labels", "read_mended", "write_exactly"]


def write_exactly(path: Path | str, frame: pd.DataFrame) -> None:
    """Write a CSV that spamft reads back with the same texts, whole or not at all.

    So nothing marks what a spreadsheet would compute: open it there as text.
    """
    with (
        whole_file(path) as part,
        part.open("w", encoding="utf-8", newline="") as file,
    ):
        # every text is quoted: Python leaves a lone carriage return bare otherwise
        write = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        write.writerow(frame.columns)
        write.writerows(frame.itertuples(index=False))


def read_mended(path: Path | str) -> pd.DataFrame:
    """The columns Label and Text of a CSV or TSV, and Row if it has one, as strings.

    Raises SpamftError.
    """
    path = Path(path)
    with naming(path):
        with open_table(path, Layout(text="Text", label="Label")) as table:
            header, cells = table.names, [row.cells for row in table.rows]
        frame = pd.DataFrame(cells, columns=header, dtype=str)
        return frame[[name for name in ("Row", "Label", "Text") if name in header]]


def merge_labels(df: pd.DataFrame, mended: pd.DataFrame) -> pd.DataFrame:
    """`df` with the labels of `mended`: by row if it has a column Row, else appended.

    Rows count from 1. Raises SpamftError that names the row if it is unknown, comes
    twice, has no label, or its text is not the one that `df` has there; and for a
    message to append that is there already.
    """
    if "Row" in mended:
        return _corrected(df, mended)
    return _extended(df, mended)


def _corrected(df: pd.DataFrame, mended: pd.DataFrame) -> pd.DataFrame:
    texts, labels = df["Text"].tolist(), df["Label"].tolist()
    seen = set()
    for cell, label, text in mended[["Row", "Label", "Text"]].itertuples(index=False):
        row = _number(cell, len(df))
        if row in seen:
            raise SpamftError(f"row {row} comes twice: leave one of the two")
        if text != texts[row - 1]:
            raise SpamftError(
                f"row {row}: the text {brief(repr(text), 60)} is not the file's, "
                f"{brief(repr(texts[row - 1]), 60)}: is it of another file, or changed?"
            )
        if not label.strip():
            raise SpamftError(f"row {row} has no label: give one, or leave the row out")
        seen.add(row)
        labels[row - 1] = label
    return df.assign(Label=labels)


def _extended(df: pd.DataFrame, mended: pd.DataFrame) -> pd.DataFrame:
    place_of = {
        text: f"row {row} of the file" for row, text in enumerate(df["Text"], start=1)
    }
    mended = mended.reset_index(drop=True)
    labelled = mended[mended["Label"].str.strip() != ""]
    if not len(labelled):
        raise SpamftError("no row has a label yet")
    for place, text in labelled["Text"].items():
        row = place + 1
        if text in place_of:
            raise SpamftError(
                f"row {row}: the text {brief(repr(text), 60)} is there already, as "
                f"{place_of[text]}: to correct a label, give a column Row"
            )
        place_of[text] = f"row {row}"
    return pd.concat([df, labelled[["Label", "Text"]]], ignore_index=True)


def _number(cell: object, most: int) -> int:
    """A row's number. A spreadsheet may have written 7 as 7.0."""
    word = str(cell).strip().removesuffix(".0")
    row = int(word) if word.isascii() and word.isdecimal() and len(word) < 19 else 0
    if not 1 <= row <= most:
        raise SpamftError(f"row {brief(repr(str(cell)), 30)}: expected 1 to {most:,}")
    return row
