"""A file, as it is or packed -> its lines of text, with every byte accounted for."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from spamft.plumbing.archive import DAMAGE, open_zip
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import reason
from spamft.reading.kinds import FIRST_BYTES, kind_of, refuse_other_kinds

__all__ = ["first_bytes", "lines_of", "open_bytes", "table_in_zip"]

KAGGLE = b"v1,v2,"  # how the copy of the SMS collection begins that is latin-1
# A file may unpack to this many times its size, and to so many bytes in any case: text
# packs to a third, repeated text to a hundredth; a bomb to a thousandth
MOST_TIMES, ANY_CASE = 200, 64 * 2**20
# What no text can hold: a byte that is no character of the encoding, as
# "surrogateescape" keeps it, and half of a pair
_ODD = re.compile("[\ud800-\udfff]")
_BOMS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


class _Counted(io.RawIOBase):
    """A stream of unpacked bytes that ends with an error if there are too many."""

    def __init__(self, stream: BinaryIO, most: int, path: Path):
        self.stream, self.left, self.most, self.path = stream, most, most, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        try:
            data = self.stream.read(min(len(buffer), 2**20))
        except (*DAMAGE, zlib.error, gzip.BadGzipFile) as error:
            raise SpamftError(f"{self.path} is damaged: {reason(error)}") from error
        self.left -= len(data)
        if self.left < 0:
            raise SpamftError(
                f"{self.path} unpacks to more than {self.most:,} bytes, "
                f"{MOST_TIMES} times its size: unpack it yourself if you trust it"
            )
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if it is a gz or a zip with one table in it.

    Raises SpamftError, also in the block, for what is damaged, or unpacks to absurd
    sizes.
    """
    most = max(ANY_CASE, MOST_TIMES * path.stat().st_size)
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        kind = kind_of(raw.read(8))
        raw.seek(0)
        if kind == "gz":
            raw = _Counted(stack.enter_context(gzip.open(raw)), most, path)
        elif kind == "zip":
            member = table_in_zip(path)
            packed = stack.enter_context(open_zip(path)).open(member)
            raw = _Counted(stack.enter_context(packed), most, path)
        yield io.BufferedReader(raw) if isinstance(raw, _Counted) else raw


def table_in_zip(path: Path) -> str:
    """The name of the one file in a zip. Raises SpamftError if there are several."""
    with open_zip(path) as file:
        members = [
            each
            for each in file.infolist()
            # what macOS adds to a zip, and what is hidden, nobody put there to be read
            if not each.is_dir()
            and not each.filename.startswith("__MACOSX/")
            and not each.filename.rpartition("/")[2].startswith(".")
        ]
    if {"mimetype", "[Content_Types].xml"} & {each.filename for each in members}:
        raise SpamftError(
            f"{path} is a document of an office program, but no .xlsx: save its table "
            "as .xlsx or CSV"
        )
    if len(members) != 1:
        names = ", ".join(each.filename for each in members[:5]) or "nothing"
        raise SpamftError(
            f"{path} must hold one table, it holds {names}: unzip it, and give the "
            "file with the messages"
        )
    if members[0].compress_type not in (0, 8):  # stored, deflated: both can be counted
        raise SpamftError(f"{path} is compressed by an unusual method: unzip it first")
    if members[0].flag_bits & 1:
        raise SpamftError(f"{path} is encrypted: unzip it first")
    return members[0].filename


def first_bytes(path: Path) -> bytes:
    """The first bytes of the file, unpacked. Raises SpamftError if there are none, or
    if they are not those of a table."""
    with open_bytes(path) as file:
        first = file.read(FIRST_BYTES)
    refuse_other_kinds(first, path)
    return first


@contextmanager
def lines_of(
    path: Path, encoding: str | None = None, newline: str = ""
) -> Iterator[Iterator[str]]:
    r"""The lines of a text file with their ends; with `newline="\n"` others are text.

    It is UTF-8, or what its mark says, or `encoding`, or Kaggle's spam.csv. Raises
    SpamftError with the line of a byte that is no character.
    """
    first = first_bytes(path)
    name = _encoding_of(first, path, encoding)
    with open_bytes(path) as file:
        # what the codec cannot read stays recognisable, so that its line can be named
        lines = io.TextIOWrapper(file, name, "surrogateescape", newline)
        try:
            yield _checked(lines, path, encoding or name)
        finally:
            lines.detach()


def _encoding_of(first: bytes, path: Path, encoding: str | None) -> str:
    for mark, name in _BOMS.items():
        if first.startswith(mark):
            return name
    if encoding is not None:
        return encoding
    if first.startswith(KAGGLE) and not _is_utf8(path):
        return "latin-1"
    if b"\0" in first:
        _refuse_binary(first, path)
    return "utf-8"


def _refuse_binary(first: bytes, path: Path) -> None:
    """Raise SpamftError if NUL bytes say that this is UTF-16, or no text at all."""
    even, odd = first[::2].count(0), first[1::2].count(0)
    if max(even, odd) > 0.3 * len(first) / 2:
        name = "utf-16-le" if odd > even else "utf-16-be"
        raise SpamftError(
            f"{path} looks like UTF-16 without a mark: add --encoding {name}"
        )


def _is_utf8(path: Path) -> bool:
    with open_bytes(path) as file:
        try:
            for line in file:
                line.decode()
        except UnicodeDecodeError:
            return False
    return True


def _checked(lines: io.TextIOWrapper, path: Path, encoding: str) -> Iterator[str]:
    """The lines, as long as all of their bytes are characters."""
    number = 0
    try:
        for number, line in enumerate(lines, start=1):
            if not line.isascii() and (odd := _ODD.search(line)):
                raise SpamftError(_no_character(path, number, odd.group(), encoding))
            yield line
    except UnicodeError as error:  # of UTF-16 and others, whose halves may be lost
        raise SpamftError(
            f"{path}:{number + 1} or after: {reason(error)}: the file is not "
            f"{encoding}, which another --encoding may mend, or it is damaged"
        ) from error


def _no_character(path: Path, line: int, odd: str, encoding: str) -> str:
    if not "\udc80" <= odd <= "\udcff":
        return f"{path}:{line}: half of a character, {ascii(odd)}: try --encoding utf-8"
    byte = f"byte {ord(odd) - 0xDC00:#04x}"
    if encoding.startswith("utf-8"):
        return (
            f"{path}:{line}: {byte} is not UTF-8: add --encoding cp1252 (Windows and "
            "Excel in Western Europe), or save the file as UTF-8"
        )
    return (
        f"{path}:{line}: {byte} is no character of {encoding}: try another --encoding"
    )
