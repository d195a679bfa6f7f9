"""Files and folders that appear whole or not at all.

    with whole_file(path) as part:      part is written, then renamed to path
    with whole_folder(folder) as part:  the same for a folder and all that is in it
    check_place(path)                   an error now rather than after the work

The unfinished one lies beside its place, in a folder named `.NAME.RANDOM.unfinished`,
which is locked as long as its process lives. What a killed process left there is
removed by the next writer of the same name.

Where the system can swap two names at once (Linux, macOS), there is at every moment the
old one whole or the new one whole. Elsewhere a folder that is being replaced has no
name for an instant; killed just then, it is put back by the next writer.
"""

import ctypes
import errno
import glob
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.locks import take

__all__ = [
    "check_place",
    "clear_up",
    "existing_folder",
    "remove",
    "sha256",
    "whole_file",
    "whole_folder",
]

UNFINISHED = ".unfinished"
LOCK, REPLACED = "lock", "replaced"
SWAP = 2  # RENAME_EXCHANGE on Linux, RENAME_SWAP on macOS
HERE = -100  # AT_FDCWD: paths as usual
NO_ROOM = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Give a path to write to; it becomes `path` if the block ends without an error."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise SpamftError(f"cannot write {path}: it is there, and no ordinary file")
    with _room(path) as room:
        part = room / path.name
        yield part
        part.replace(path)


@contextmanager
def whole_folder(folder: Path | str, own: Iterable[str] = ()) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `folder` if the block ends well.

    A folder of that name is replaced. The files in it, at whatever depth, are the
    user's and stay, but for those of the new one and those named in `own`, as paths
    with slashes. A link to a folder stays a link.
    """
    folder = Path(folder).resolve()
    if folder.exists() and not folder.is_dir():
        raise SpamftError(f"cannot write {folder}: it is there, and no folder")
    with _room(folder) as room:
        part = room / (folder.name or "root")
        part.mkdir()
        yield part
        if folder.exists():
            _take_along(folder, part, set(own))
            _replace(folder, part, room / REPLACED)
        else:
            part.rename(folder)


def check_place(folder: Path | str) -> None:
    """Raise SpamftError if `folder` could not be written; make the folders above it.

    It is tried out: no list of reasons is complete.
    """
    shown = brief(folder)
    try:
        folder = Path(folder).resolve()
    except RuntimeError as error:  # links in a circle
        raise SpamftError(f"cannot write to {shown}: {brief(error)}") from error
    there = next(each for each in (folder, *folder.parents) if os.path.lexists(each))
    if not there.is_dir():
        which = "it" if there == folder else brief(there)
        raise SpamftError(f"cannot write to {shown}: {which} is a file")
    if os.path.ismount(folder):  # which cannot be renamed, so it cannot be replaced
        raise SpamftError(
            f"cannot write to {shown}: a disk begins there; name a folder in it"
        )
    if folder == there and not os.access(folder, os.W_OK):
        raise SpamftError(
            f"cannot write to {shown}: it is read-only; choose another place"
        )
    try:
        with _room(folder) as room:  # names beside it are longer than its own
            (room / f".{folder.name}{UNFINISHED}").mkdir()
    except OSError as error:
        raise SpamftError(
            f"cannot write to {shown}: {error.strerror}; choose another place"
        ) from error


def clear_up(path: Path | str) -> None:
    """Remove what killed writers of `path` left beside it."""
    path = Path(path)
    for leftover in path.parent.glob(f"{glob.escape(_start(path))}*{UNFINISHED}"):
        _clear(leftover, path)


def existing_folder(path: Path | str) -> Path:
    """`path` if it is a folder, else the nearest one above it that exists."""
    path = Path(path)
    return next(f for f in [path, *path.absolute().parents] if f.is_dir())


def remove(path: Path | str) -> None:
    """Remove a file or a folder and what is in it, as far as that is allowed."""
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():  # the owner may do what a folder's mode forbids
            for above, _, _ in os.walk(path):
                with suppress(OSError):
                    os.chmod(above, 0o700)
            shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _room(path: Path) -> Iterator[Path]:
    """A folder of our own beside `path`; those of dead processes go away first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_up(path)
    lock = None
    while lock is None:  # None if another process took it for a dead one's
        room = Path(tempfile.mkdtemp(UNFINISHED, _start(path), path.parent))
        try:
            lock = take(room / LOCK)
        except FileNotFoundError:
            continue
        except OSError:  # no locks on this file system: then nobody clears up either
            break
    try:
        yield room
    except OSError as error:
        if error.errno in NO_ROOM and error.filename is None:
            error.filename = str(path)  # a write does not tell where
        raise
    finally:
        if lock is not None:
            lock.release()
        remove(room)


def _start(path: Path) -> str:
    """How the names of the folders of our own begin that lie beside `path`."""
    # not all of a long name, for the folder's own may not be longer than that
    return f".{os.fsdecode(os.fsencode(path.name)[:150])}."


def _clear(leftover: Path, path: Path) -> None:
    """Remove the room of a dead process; what it was about to replace goes back."""
    try:
        lock = take(leftover / LOCK)
    except OSError:
        return
    if lock is None:  # its process lives
        return
    replaced = leftover / REPLACED
    if replaced.exists() and not path.exists():
        replaced.rename(path)
    lock.release()
    remove(leftover)


def _take_along(folder: Path, part: Path, own: set[str]) -> None:
    """Put the user's files of `folder` into `part`, too: they are always in both."""
    for above, folders, files in os.walk(folder):
        place = Path(above).relative_to(folder)
        for name in folders:
            if not (Path(above) / name).is_symlink():
                (part / place / name).mkdir(exist_ok=True)
        links = [name for name in folders if (Path(above) / name).is_symlink()]
        for name in files + links:
            target = part / place / name
            if (place / name).as_posix() not in own and not os.path.lexists(target):
                _copy(Path(above) / name, target)


def _copy(item: Path, target: Path) -> None:
    """Give a file a second name, or where that is not possible a copy."""
    try:
        os.link(item, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(item, target, follow_symlinks=False)


def _replace(folder: Path, part: Path, aside: Path) -> None:
    """Put `part` in the place of `folder`."""
    at_work_there = os.path.exists(os.curdir) and folder.samefile(os.curdir)
    if not _swap(part, folder):
        try:
            folder.rename(aside)
            part.rename(folder)
        except BaseException:
            if aside.exists() and not folder.exists():
                aside.rename(folder)
            raise
    if at_work_there:
        os.chdir(folder)  # else the process would stay in the old one


def _swap(one: Path, other: Path) -> bool:
    """Give each the other's name in one step; False where the system has none."""
    sys.audit("spamft.swap", str(one), str(other))  # like Python's own of os.rename
    names = os.fsencode(one), os.fsencode(other)
    try:
        system = ctypes.CDLL(None)
        if sys.platform == "darwin":
            return system.renamex_np(*names, SWAP) == 0
        return system.renameat2(HERE, names[0], HERE, names[1], SWAP) == 0
    except (AttributeError, OSError, TypeError):
        return False
