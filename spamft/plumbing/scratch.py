"""Room on the disk for tensors that are too large for memory, or outlive a process.

empty_on_disk(shape, dtype, folder)     goes away with the tensor
KeptTensor(path, identity)              stays, checked, for a process that resumes
"""

import os
import tempfile
from contextlib import suppress
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import remove, sha256
from spamft.plumbing.jsonfile import read_json, write_json

__all__ = ["KeptTensor", "empty_on_disk"]


def empty_on_disk(shape: tuple[int, ...], dtype: torch.dtype, folder: Path) -> Tensor:
    """A tensor whose bytes lie in a file in `folder`, which goes away with it.

    Raises OSError if the disk has no room for it.
    """
    with tempfile.NamedTemporaryFile(
        prefix="hidden-", suffix=".bin", dir=folder, delete=False
    ) as file:
        path = Path(file.name)
    try:
        return _mapped(path, shape, dtype, new=True)
    finally:
        # The file loses its name at once, so that nothing is left behind even if the
        # process is killed; the bytes stay as long as they are mapped
        with suppress(PermissionError):  # Windows does not let go of a mapped file
            path.unlink()


class KeptTensor:
    """A tensor in the file `path`, which a later process finds again.

    `identity` says what was computed: the tensor of another one is not read.
    """

    def __init__(self, path: Path, identity: str):
        self.path, self.identity = path, identity
        self.seal_path = path.with_name(f"{path.name}.json")

    def read(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor | None:
        """The tensor, if it is there, whole and of this identity; else None."""
        try:
            seal = read_json(self.seal_path)
            whole = {"identity": self.identity, "sha256": sha256(self.path)}
            return _mapped(self.path, shape, dtype) if seal == whole else None
        except (SpamftError, OSError):
            return None

    def new(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """An empty one to fill, in the place of what was there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for path in (self.seal_path, self.path):
            remove(path)
        try:
            return _mapped(self.path, shape, dtype, new=True)
        except OSError:
            remove(self.path)
            with suppress(OSError):  # if there is something else in it
                self.path.parent.rmdir()
            raise

    def seal(self) -> None:
        """Note that it is filled."""
        write_json(
            self.seal_path, {"identity": self.identity, "sha256": sha256(self.path)}
        )


def _mapped(
    path: Path, shape: tuple[int, ...], dtype: torch.dtype, new: bool = False
) -> Tensor:
    """The bytes of a file as a tensor; writing to it writes to the file."""
    size = prod(shape)
    if new and hasattr(os, "posix_fallocate"):
        # else a full disk would kill the process at a write instead of refusing here
        with path.open("wb") as file:
            _allocate(file.fileno(), max(1, size * dtype.itemsize), path)
    mapped = torch.from_file(str(path), shared=True, size=size, dtype=dtype)
    return mapped.view(shape)


def _allocate(descriptor: int, size: int, path: Path) -> None:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        error.filename = str(path)  # which the system does not tell here
        raise
