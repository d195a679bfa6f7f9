"""A classifier -> its weights in few bits, as a page holds them.

FORMS names the ways, the most precise first.
"""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from spamft.classifier import GPTClassifier
from spamft.methods.nf4 import dequantize, quantize

__all__ = ["FORMS", "Form", "in_form"]


class Form(NamedTuple):
    """One way to write a matrix in few bits."""

    bytes: float  # per number
    pack: Callable[[Tensor], dict[str, Tensor]]  # by the end of its parts' names
    unpack: Callable[[dict[str, Tensor], Sequence[int]], Tensor]


def _pack_int8(weight: Tensor) -> dict[str, Tensor]:
    """Whole numbers to 127 and a scale for each row, which is one output's."""
    scale = weight.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / 127
    return {"": (weight / scale[:, None]).round().to(torch.int8), ".scale": scale}


def _unpack_int8(stored: dict[str, Tensor], shape: Sequence[int]) -> Tensor:
    return stored[""] * stored[".scale"][:, None]


def _pack_nf4(weight: Tensor) -> dict[str, Tensor]:
    return {f".{part}": tensor for part, tensor in quantize(weight).items()}


def _unpack_nf4(stored: dict[str, Tensor], shape: Sequence[int]) -> Tensor:
    return dequantize({part[1:]: tensor for part, tensor in stored.items()}, shape)


# the first that fits is taken, so the most precise one
FORMS: dict[str, Form] = {
    "int8": Form(1.0, _pack_int8, _unpack_int8),
    "NF4": Form(0.52, _pack_nf4, _unpack_nf4),
}


def in_form(model: GPTClassifier, name: str) -> tuple[GPTClassifier, dict[str, Tensor]]:
    """A copy with the numbers that one of FORMS leaves of each matrix, and its tensors.

    Vectors and the head, which are few numbers, stay as they are.
    """
    form, tensors, small = FORMS[name], {}, copy.deepcopy(model).cpu()
    for key, weight in small.state_dict().items():
        if weight.dim() < 2 or key.startswith("head."):
            tensors[key] = weight.clone()
            continue
        stored = form.pack(weight)
        tensors |= {f"{key}{end}": tensor for end, tensor in stored.items()}
        weight.copy_(form.unpack(stored, weight.shape))
    return small, tensors
