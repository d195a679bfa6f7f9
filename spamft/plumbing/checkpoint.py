"""A tree of tensors and settings <-> one file, to resume from.

The tree is made of dicts, lists and, at its leaves, tensors or what JSON has. Tensors
become a safetensors file, the rest its metadata, and a SHA-256 of both tells a damaged
file; nothing is pickled.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file
from spamft.plumbing.tensors import write_tensors

__all__ = ["digest", "load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: Path | str, tree: dict) -> None:
    """Write `tree` to `path`, whole or not at all."""
    tensors, rest = _divide(tree)
    metadata = {"tree": rest, "sha256": _sha256(tensors, rest)}
    with whole_file(path) as part:
        write_tensors(part, tensors, metadata)


def load_checkpoint(path: Path | str) -> dict:
    """The tree that `save_checkpoint` wrote; its tensors are on the CPU.

    Raises SpamftError for a file that is no checkpoint, or whose content has changed.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            names = file.keys()
            # a copy: what safetensors gives is the file itself, about to be replaced
            tensors = {name: file.get_tensor(name).clone() for name in names}
        if metadata["sha256"] != _sha256(tensors, metadata["tree"]):
            raise ValueError("damaged, its SHA-256 is another")
        found = _put_back(json.loads(metadata["tree"]), tensors)
        if not isinstance(found, dict):
            raise ValueError(f"holds a {type(found).__name__}")
        return found
    except Exception as error:  # a file of strangers: whatever it makes of it
        reason = brief(" ".join(str(error).split()))
        raise SpamftError(f"{path}: not a checkpoint of spamft: {reason}") from error


def digest(tree: Any) -> str:
    """A SHA-256 of all tensors and settings of a tree, in their order."""
    return _sha256(*_divide(tree))


def _divide(tree: Any) -> tuple[dict[str, Tensor], str]:
    """The tensors of a tree by number, and the rest as JSON."""
    tensors: dict[str, Tensor] = {}
    return tensors, json.dumps(_take_out(tree, tensors, set()))


def _take_out(tree: Any, tensors: dict[str, Tensor], places: set[int]) -> Any:
    if isinstance(tree, Tensor):
        name = str(len(tensors))
        tensor = tree.detach().cpu().contiguous()
        # safetensors refuses tensors that share memory
        if (place := tensor.untyped_storage().data_ptr()) in places:
            tensor = tensor.clone()
        places.add(place)
        tensors[name] = tensor
        return {"tensor": name}
    if isinstance(tree, Mapping):
        # a list of pairs, for JSON would make strings of number keys
        return {"dict": [[k, _take_out(v, tensors, places)] for k, v in tree.items()]}
    if isinstance(tree, (list, tuple)):
        return [_take_out(item, tensors, places) for item in tree]
    return tree


def _put_back(tree: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, dict) and "tensor" in tree:
        return tensors[tree["tensor"]]
    if isinstance(tree, dict):
        return {key: _put_back(value, tensors) for key, value in tree["dict"]}
    if isinstance(tree, list):
        return [_put_back(item, tensors) for item in tree]
    return tree


def _sha256(tensors: dict[str, Tensor], rest: str) -> str:
    found = hashlib.sha256(rest.encode())
    for number in range(len(tensors)):
        tensor = tensors[str(number)]
        found.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()
