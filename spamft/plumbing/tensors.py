"""Files of tensors, read and written so that every failure is a clear error."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = [
    "FLOATS",
    "are_equal",
    "are_finite",
    "check_tensors",
    "read_tensors",
    "write_tensors",
]

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
SHOWN = 5  # problems that an error names


def write_tensors(
    path: Path | str,
    tensors: Mapping[str, Tensor],
    metadata: dict[str, str] | None = None,
) -> None:
    """Write a safetensors file. Raises OSError, say if the disk is full."""
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    path = Path(path)
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(tensors, path, metadata=metadata)
        path.chmod(mode)  # else nobody but the owner could read it
    except SafetensorError as error:  # their name for the system's errors, too
        raise OSError(f"{path}: {' '.join(str(error).split())}") from error


def read_tensors(path: Path | str) -> dict[str, Tensor]:
    """Every tensor of a safetensors file, mapped from it as long as it is used."""
    with _opened(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def are_finite(tensor: Tensor) -> bool:
    """Whether these are numbers that a float32 can hold, none of them infinite."""
    # not every operation knows the smaller floats, and complex ones would be halved
    return tensor.dtype in FLOATS and bool(torch.isfinite(tensor.float()).all())


def are_equal(tensor: Tensor, other: Tensor) -> bool:
    """Whether these are the same numbers of the same type, on whatever device."""
    return tensor.dtype == other.dtype and torch.equal(tensor.cpu(), other.cpu())


def check_tensors(
    found: Mapping[str, Tensor], expected: Mapping[str, Tensor], source: Path | str
) -> None:
    """Raise SpamftError, naming `source`, unless the tensors are the `expected` ones.

    Their names, shapes and types must be the same, and their numbers finite.
    """
    problems = [f"missing {name}" for name in expected if name not in found]
    problems += [f"extra {name}" for name in found if name not in expected]
    for name in expected.keys() & found.keys():
        tensor, like = found[name], expected[name]
        if tensor.shape != like.shape:
            problems.append(
                f"{name} has shape {tuple(tensor.shape)}, expected {tuple(like.shape)}"
            )
        elif tensor.dtype != like.dtype:
            problems.append(f"{name} is {tensor.dtype}, expected {like.dtype}")
        elif not are_finite(tensor):
            problems.append(f"{name} holds numbers that are not finite")
    if problems:
        more = f" and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        raise SpamftError(
            f"{source}: {brief('; '.join(sorted(problems)[:SHOWN]))}{more}"
        )


class _opened:
    """A safetensors file; what is wrong with it is a SpamftError."""

    def __init__(self, path: Path | str):
        self.path = path

    def __enter__(self):
        try:
            self.file = safe_open(self.path, framework="pt")
            return self.file.__enter__()
        except Exception as error:  # a file of strangers: whatever it makes of it
            raise self._refusal(error) from error

    def __exit__(self, kind, error, trace):
        self.file.__exit__(kind, error, trace)
        if isinstance(error, Exception):
            raise self._refusal(error) from error

    def _refusal(self, error: BaseException) -> SpamftError:
        reason = " ".join(str(error).split())
        return SpamftError(
            f"{self.path}: not a safetensors file, or damaged: {brief(reason)}"
        )
