"""The first bytes of a file -> what it is, and if it is no table, the way out."""

from pathlib import Path

from spamft.plumbing.errors import SpamftError

__all__ = ["FIRST_BYTES", "kind_of", "refuse_other_kinds"]

FIRST_BYTES = 4096  # as many as are looked at

# What is read in a way of its own, by the bytes that it begins with
_READ = {b"PK\x03\x04": "zip", b"\x1f\x8b": "gz", b"PAR1\x15": "parquet"}
_UNPACK = "unpack it first"
_PICTURE = ("a picture", "messages are needed as text, in a CSV")
_PROGRAM = ("a program", "give a file of messages")
# What cannot be read: what it is, and what to do
_REFUSED = {
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", "save it as .xlsx or CSV"),
    b"%PDF-": ("a PDF", "export the table from its source as CSV"),
    b"\x89PNG": _PICTURE,
    b"GIF87a": _PICTURE,
    b"GIF89a": _PICTURE,
    b"\xff\xd8\xff": _PICTURE,
    b"SQLite format 3": ("a SQLite database", "export its table as CSV"),
    b"\xfd7zXZ": ("packed by xz", _UNPACK),
    b"7z\xbc\xaf": ("packed by 7-Zip", _UNPACK),
    b"Rar!\x1a": ("packed by RAR", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("packed by Zstandard", _UNPACK),
    b"PK\x05\x06": ("an empty zip", "pack a CSV, or give the CSV itself"),
    b"ARROW1": ("an Arrow or Feather file", "save it as Parquet or CSV"),
    b"\xff\xff\xff\xff": ("an Arrow stream", "save it as Parquet or CSV"),
    b"Obj\x01": ("an Avro file", "save it as Parquet or CSV"),
    b"\x89HDF": ("an HDF5 file", "save it as Parquet or CSV"),
    b"\x93NUMPY": ("a NumPy array", "save messages and labels as CSV"),
    b"\x7fELF": _PROGRAM,
    b"MZ\x90": _PROGRAM,
    b"version https://git-lfs": ("a Git LFS pointer", "run `git lfs pull`"),
    b"{\\rtf": ("a Rich Text document", "save it as plain text or CSV"),
}
_WEB_PAGE = (b"<!doctype", b"<html", b"<?xml", b"<!--", b"<head>", b"<table")
MARK, WIDE_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")  # of UTF-8, and others


def kind_of(first: bytes) -> str:
    """ "zip", "gz", "parquet" or "text", by the first bytes of a file."""
    return next(
        (kind for sign, kind in _READ.items() if first.startswith(sign)), "text"
    )


def refuse_other_kinds(first: bytes, path: Path | str) -> None:
    """Raise SpamftError if no text begins like that: what it is, and what to do."""
    first = first.removeprefix(MARK)
    if first.startswith(WIDE_MARKS):
        return
    for sign, (what, way_out) in _REFUSED.items():
        if first.startswith(sign):
            raise SpamftError(f"{path} is {what}: {way_out}")
    if first[:3] == b"BZh" and first[4:7] == b"1AY":
        raise SpamftError(f"{path} is packed by bzip2: {_UNPACK}")
    if first.startswith(b"PARE") and b"\0" in first:  # a header may begin so, too
        raise SpamftError(
            f"{path} is an encrypted Parquet file: save it without, or as CSV"
        )
    if first[:1] == b"\x80" and first[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise SpamftError(
            f"{path} is a Python pickle, which could run any code when it is opened: "
            "save the table with DataFrame.to_csv"
        )
    begin = first.lstrip().lower()
    if begin.startswith(_WEB_PAGE):
        raise SpamftError(
            f"{path} is a web page or XML: download the table itself, as CSV"
        )
    if first[257:262] == b"ustar":
        raise SpamftError(f"{path} is a tar archive: {_UNPACK}")
