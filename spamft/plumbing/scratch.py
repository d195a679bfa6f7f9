"""Room for tensors that are too large for memory."""

import tempfile
from contextlib import suppress
from math import prod
from pathlib import Path

import torch
from torch import Tensor

__all__ = ["empty_on_disk"]


def empty_on_disk(shape: tuple[int, ...], dtype: torch.dtype, folder: Path) -> Tensor:
    """A tensor whose bytes lie in a file in `folder`, which goes away with it."""
    with tempfile.NamedTemporaryFile(
        prefix="hidden-", suffix=".bin", dir=folder, delete=False
    ) as file:
        path = Path(file.name)
    mapped = torch.from_file(str(path), shared=True, size=prod(shape), dtype=dtype)
    # The file loses its name at once, so that nothing is left behind even if the
    # process is killed; the bytes stay as long as they are mapped
    with suppress(PermissionError):  # Windows does not let go of a mapped file
        path.unlink()
    return mapped.view(shape)
