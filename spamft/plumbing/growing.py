"""A file that is written for hours, and resumes where its process was killed.

    with growing_file(path, identity) as growing:
        for part in parts[growing.state.get("parts", 0):]:
            growing.write(part)
            growing.keep({"parts": ...})    a killed process resumes here

Until the block ends it lies beside its place, in a folder `.NAME.progress`, with a note
of how many of its bytes count, their SHA-256, and what the identity of the work is.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import NO_ROOM, remove
from spamft.plumbing.jsonfile import read_sealed, write_sealed
from spamft.plumbing.locks import only_one

__all__ = ["GrowingFile", "growing_file"]

NOTE, PART = "progress.json", "part"


class GrowingFile:
    """The unfinished file; `state` is what `keep` was last given, {} at the beginning.

    Text is written as UTF-8, and its line ends as they are.
    """

    def __init__(self, folder: Path, identity: dict[str, str], file: BinaryIO):
        self.folder, self.identity, self.file = folder, identity, file
        self.state: dict[str, Any] = {}
        self.digest = hashlib.sha256()

    def write(self, text: str) -> int:
        """Append `text`: it counts once it is kept."""
        content = text.encode()
        self.digest.update(content)
        return self.file.write(content)

    def keep(self, state: dict[str, Any]) -> None:
        """Let all that is written count: a killed process resumes here, with `state`.

        `state` is of what JSON has.
        """
        self.file.flush()
        os.fsync(self.file.fileno())  # before the note that says so
        note = {"identity": self.identity, "state": state, "bytes": self.file.tell()}
        write_sealed(self.folder / NOTE, note | {"sha256": self.digest.hexdigest()})
        self.state = state

    def resume(self, note: dict[str, Any]) -> bool:
        """Continue after the bytes that the note counts; False if they have changed."""
        left = note["bytes"]
        while left and (some := self.file.read(min(left, 1 << 20))):
            self.digest.update(some)
            left -= len(some)
        if left or self.digest.hexdigest() != note["sha256"]:
            return False
        self.file.truncate(note["bytes"])
        self.state = note["state"]
        return True

    def start_anew(self) -> None:
        """Forget all that is written."""
        self.digest = hashlib.sha256()
        self.file.seek(0)
        self.file.truncate(0)


@contextmanager
def growing_file(
    path: Path | str,
    identity: dict[str, str],
    log: Callable[[str], None] = lambda line: None,
) -> Iterator[GrowingFile]:
    """Give a file to append to; it becomes `path` if the block ends without an error.

    `identity` says by name what decides the content. What was kept of the same work is
    there already; that of another raises SpamftError. It stays for a later process if
    this one is killed, or the disk is full; after a SpamftError, which the same work
    would meet again, it is removed. `log` gets a line if it resumes, or cannot.
    """
    path = Path(path).resolve()
    if path.exists() and not path.is_file():
        raise SpamftError(f"cannot write {path}: it is there, and no ordinary file")
    folder = path.with_name(f".{path.name}.progress")
    with only_one(path):
        note = _note(folder, identity, log)
        folder.mkdir(exist_ok=True)
        try:
            with (folder / PART).open("r+b" if note else "w+b") as file:
                growing = GrowingFile(folder, identity, file)
                if note and not growing.resume(note):
                    log(f"{folder}: what was kept is damaged, so it starts anew")
                    growing.start_anew()
                yield growing
                file.flush()
                os.fsync(file.fileno())
        except SpamftError:
            remove(folder)
            raise
        except OSError as error:
            if error.errno in NO_ROOM and error.filename is None:
                error.filename = str(path)  # a write does not tell where
            raise
        (folder / PART).replace(path)
        remove(folder)


def _note(
    folder: Path, identity: dict[str, str], log: Callable[[str], None]
) -> dict[str, Any] | None:
    """What was kept there of the same work, if anything was."""
    if not (folder / NOTE).exists():
        return None
    try:
        note = read_sealed(folder / NOTE)
    except SpamftError as error:
        log(f"{error}; so it starts anew")
        return None
    there = note["identity"]
    if other := [name for name in identity if there.get(name) != identity[name]]:
        raise SpamftError(
            f"{folder} holds unfinished work with another {', '.join(other)}: give the "
            "same command as then to continue it, choose another output, or remove "
            "that folder to start anew"
        )
    return note if (folder / PART).exists() else None
