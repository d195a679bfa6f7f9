"""A tree of tensors and settings <-> one file, to resume from.

The tree is made of dicts, lists and, at its leaves, tensors or what JSON has. Tensors
become a safetensors file, the rest its metadata; nothing is pickled.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: Path | str, tree: dict) -> None:
    """Write `tree` to `path`, whole or not at all."""
    tensors: dict[str, torch.Tensor] = {}
    rest = _take_out(tree, tensors)
    with whole_file(path) as part:
        save_file(tensors, part, metadata={"tree": json.dumps(rest)})


def load_checkpoint(path: Path | str) -> dict:
    """The tree that `save_checkpoint` wrote; its tensors are on the CPU.

    Raises SpamftError for a file that is no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as file:
            rest = json.loads(file.metadata()["tree"])
            return _put_back(rest, file)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise SpamftError(f"{path}: not a checkpoint of spamft: {error}") from error


def _take_out(tree, tensors: dict[str, torch.Tensor]):
    if isinstance(tree, torch.Tensor):
        name = str(len(tensors))
        # a copy each: safetensors refuses tensors that share memory
        tensors[name] = tree.detach().to("cpu", copy=True).contiguous()
        return {"tensor": name}
    if isinstance(tree, dict):
        # a list of pairs, for JSON would make strings of number keys
        return {"dict": [[key, _take_out(tree[key], tensors)] for key in tree]}
    if isinstance(tree, (list, tuple)):
        return [_take_out(item, tensors) for item in tree]
    return tree


def _put_back(tree, file):
    if isinstance(tree, dict) and "tensor" in tree:
        # a copy: what safetensors gives is the file itself, about to be replaced
        return file.get_tensor(tree["tensor"]).clone()
    if isinstance(tree, dict):
        return {key: _put_back(value, file) for key, value in tree["dict"]}
    if isinstance(tree, list):
        return [_put_back(item, file) for item in tree]
    return tree
