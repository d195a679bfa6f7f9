"""A published archive -> the one file of it that is wanted, checked to the byte."""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import Patience, fetch, reason
from spamft.plumbing.files import clear_up, whole_file

__all__ = ["Archive", "fetch_member", "open_zip", "read_member"]

# what zipfile raises at a damaged or forged zip, and the system at no file
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, UnicodeError, OverflowError),
    *(EOFError, RuntimeError, OSError, MemoryError),
)


@dataclass(frozen=True)
class Archive:
    """A zip at one or more addresses, and the file that is wanted from it."""

    urls: tuple[str, ...]  # tried in this order
    size: int  # bytes, of the zip
    sha256: str
    member: str  # the wanted file's name in the zip
    member_size: int  # bytes, with Unix line ends
    member_lines: int
    member_sha256: str

    def holds(self, content: bytes) -> bool:
        """Whether `content` is the wanted file."""
        return hashlib.sha256(content).hexdigest() == self.member_sha256


def fetch_member(
    archive: Archive,
    target: Path,
    at_hand: Path | str | None = None,
    *,
    patience: Patience = Patience(),  # noqa: B008, it is frozen
    progress: bool = True,
) -> Path:
    """Make sure that `target` is the wanted file, and return it.

    A valid file already there is kept, its line ends made Unix's. `at_hand` is the zip
    itself, taken instead of a download; the rest is `fetch`'s. Raises DownloadError
    with every address, why it failed, and the way by hand; SpamftError if `at_hand` is
    another file.
    """
    if target.exists():
        content = target.read_bytes()
        if archive.holds(canonical := content.replace(b"\r\n", b"\n")):
            if canonical != content:
                _write(target, canonical)
            else:  # nothing is written that would clear up
                clear_up(target)
            return target
    if at_hand is not None:
        _write(target, _extract(archive, Path(at_hand)))
        return target
    with whole_file(target) as part:  # beside it is room for the zip
        zipped = part.with_name(f"{part.name}.zip")
        fetch(
            archive.urls,
            zipped,
            size=archive.size,
            digest=archive.sha256,
            remedy=_by_hand(archive, target),
            patience=patience,
            progress=progress,
        )
        part.write_bytes(_extract(archive, zipped))
    return target


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip to read from. Raises SpamftError, also in the block, if it is damaged."""
    try:
        with zipfile.ZipFile(path) as file:
            yield file
    except DAMAGE as error:
        raise SpamftError(f"{path}: {reason(error)}") from error


def read_member(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A file of a zip that has at most `most` bytes, counted while it is unpacked.

    Raises SpamftError for a larger one, whatever size the zip claims, and for a damaged
    one; KeyError if there is none of that name.
    """
    info = file.getinfo(name)
    # the other methods give all that a block unpacks to at once, however much it is
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SpamftError(f"{name} is compressed by an unusual method")
    try:
        with file.open(info) as packed:
            content = packed.read(most + 1)
    except DAMAGE as error:
        raise SpamftError(f"{name}: {reason(error)}") from error
    if len(content) > most:
        raise SpamftError(f"{name} is larger than {most:,} bytes")
    return content


def _by_hand(archive: Archive, target: Path) -> str:
    return (
        f"by hand: download {archive.urls[0]} in a browser, then\n"
        "  give its path: --data <the zip>, in Python download(archive=...);\n"
        f"  or unzip {archive.member} as {target}"
    )


def _extract(archive: Archive, path: Path) -> bytes:
    """The wanted file of the zip at `path`, with Unix line ends."""
    member = archive.member
    try:
        with open_zip(path) as file:
            # a CRLF copy has one byte more per line
            most = archive.member_size + archive.member_lines
            content = read_member(file, member, most).replace(b"\r\n", b"\n")
    except (ValueError, KeyError) as error:
        why = reason(error)
        raise SpamftError(f"{path}: not the archive with {member}: {why}") from error
    if not archive.holds(content):
        raise SpamftError(
            f"{path}: its {member} has {len(content):,} bytes and another SHA-256 "
            f"than the real one of {archive.member_size:,} bytes"
        )
    return content


def _write(target: Path, content: bytes) -> None:
    with whole_file(target) as part:
        part.write_bytes(content)
