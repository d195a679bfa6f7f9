"""A published archive -> the one file of it that is wanted, checked to the byte."""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import Patience, fetch
from spamft.plumbing.files import whole_file

__all__ = ["Archive", "fetch_member"]


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
            return target
    if at_hand is not None:
        _write(target, _extract(archive, Path(at_hand)))
        return target
    downloaded = target.with_suffix(".zip")
    try:
        fetch(
            archive.urls,
            downloaded,
            size=archive.size,
            digest=archive.sha256,
            remedy=_by_hand(archive, target),
            patience=patience,
            progress=progress,
        )
        _write(target, _extract(archive, downloaded))
    finally:
        downloaded.unlink(missing_ok=True)
    return target


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
        with zipfile.ZipFile(path) as file:
            # a CRLF copy has one byte more per line; what is larger is not read at all
            most = archive.member_size + archive.member_lines
            if file.getinfo(member).file_size > most:
                raise SpamftError(f"{path}: its {member} is larger than the real one")
            content = file.read(member).replace(b"\r\n", b"\n")
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise SpamftError(f"{path}: not the archive with {member}: {reason}") from error
    if not archive.holds(content):
        raise SpamftError(
            f"{path}: its {member} has {len(content):,} bytes and another SHA-256 "
            f"than the real one of {archive.member_size:,} bytes"
        )
    return content


def _write(target: Path, content: bytes) -> None:
    with whole_file(target) as part:
        part.write_bytes(content)
