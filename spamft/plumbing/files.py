"""Files and folders that appear whole or not at all.

    with whole_file(path) as part:      part is written, then renamed to path
    with whole_folder(folder) as part:  the same for a folder and all that is in it

The unfinished one lies beside its place, named `.NAME.PROCESS.unfinished`, and a folder
that is being replaced `.NAME.PROCESS.replaced`. What a killed process left there is
removed by the next writer of the same name, or put back if nothing took its place.
"""

import glob
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["existing_folder", "whole_file", "whole_folder"]

UNFINISHED = ".unfinished"
REPLACED = ".replaced"


@contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Give a path to write to; it becomes `path` if the block ends without an error."""
    path = Path(path)
    part = _make_room(path)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path | str, own: Iterable[str] = ()) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes `folder` if the block ends well.

    A folder of that name is replaced. What it holds under other names, and not under
    those of `own`, is the user's and stays. A link to a folder stays a link.
    """
    folder = Path(folder).resolve()
    _recover(folder)
    part = _make_room(folder)
    part.mkdir()
    try:
        yield part
        if folder.exists():
            _replace_folder(part, folder, own)
        else:
            part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def existing_folder(path: Path | str) -> Path:
    """`path` if it is a folder, else the nearest one above it that exists."""
    path = Path(path)
    return next(f for f in [path, *path.absolute().parents] if f.is_dir())


def _make_room(path: Path) -> Path:
    """Where to write what becomes `path`; leftovers of dead processes go away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in _leftovers(path, UNFINISHED):
        _remove(leftover)
    return path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")


def _recover(folder: Path) -> None:
    """Put back what a dead process had moved away to replace it, or remove it."""
    for leftover in _leftovers(folder, REPLACED):
        if folder.exists():
            _remove(leftover)
        else:
            leftover.rename(folder)


def _leftovers(path: Path, ending: str) -> list[Path]:
    """What dead processes left beside `path`."""
    start = f".{path.name}."
    found = []
    for leftover in path.parent.glob(f"{glob.escape(start)}*{ending}"):
        process = leftover.name.removeprefix(start).removesuffix(ending)
        if process.isdecimal() and not _is_alive(int(process)):
            found.append(leftover)
    return found


def _replace_folder(part: Path, folder: Path, own: Iterable[str]) -> None:
    """Put `part` in the place of `folder`, with what is the user's in there."""
    for item in folder.iterdir():
        if item.name not in own and not (part / item.name).exists():
            _copy(item, part / item.name)  # so that it is never in neither of the two
    at_work_there = folder.samefile(os.curdir)
    old = folder.with_name(f".{folder.name}.{os.getpid()}{REPLACED}")
    try:
        folder.rename(old)
        part.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    if at_work_there:
        os.chdir(folder)  # else the process would stay in the old one
    shutil.rmtree(old)


def _copy(item: Path, place: Path) -> None:
    if item.is_dir():
        shutil.copytree(item, place, symlinks=True)
    else:
        shutil.copy2(item, place, follow_symlinks=False)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return False  # this one is about to write there again
    if os.name == "nt":
        return True  # there signal 0 would not ask, but act
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's, and alive
    return True
