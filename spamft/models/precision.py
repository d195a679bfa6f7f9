"""How precise frozen matrix products are: float32, or faster and rounded.

Only products with frozen weights change. What trains and all sums - the residual
stream, norms, softmax, the head - stay float32, and so does what is saved: a rounded
layer keeps its float32 weight beside its own. On a GPU, in bf16, torch's autocast
chooses the products of what trains, too; its weights are float32 there as well.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from spamft.models.attention import mask_of, run_blocks
from spamft.models.backbone import Backbone
from spamft.models.low_precision import BF16Linear, Int8Linear, LowPrecisionLinear
from spamft.plumbing.device import has_bf16, has_int8
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.modes import evaluation_mode

__all__ = [
    "OUTLIERS",
    "PRECISIONS",
    "NothingFrozenError",
    "Precision",
    "autocast_training",
    "count_frozen",
    "lower_precision",
    "missing_for",
    "precision_named",
    "precision_of",
    "trains_in_bf16",
]

PRECISIONS = ("auto", "float32", "bf16", "int8")
OUTLIERS = 16  # input channels of a layer that int8 leaves in float32
DRAWN = (4, 32)  # messages and tokens, drawn at random, that show which ones


class NothingFrozenError(SpamftError):
    """There is no frozen matrix in float32 to multiply with in fewer bits."""


class Precision(NamedTuple):
    """How precise a model's frozen products are, and in how many blocks from below."""

    name: str = "float32"
    blocks: int = 0

    def __str__(self) -> str:
        if not self.blocks:
            return self.name
        return f"{self.name} in {self.blocks} blocks, float32 elsewhere"


def precision_named(name: str, device: torch.device) -> str:
    """The precision to finetune with: "auto" is float32.

    Fewer bits change verdicts a little (benchmarks/precision.py), and not every machine
    has them, so whoever wants them says so. Raises SpamftError for a name that is not
    in PRECISIONS, or that this device has no instructions for.
    """
    if name not in PRECISIONS:
        raise SpamftError(f"precision={name!r} must be one of {', '.join(PRECISIONS)}")
    if reason := missing_for(name, device):
        raise SpamftError(f"{reason}: leave precision={name!r} out")
    return "float32" if name == "auto" else name


def missing_for(precision: str, device: torch.device) -> str | None:
    """What the device lacks to compute in this precision; None if nothing."""
    if precision == "bf16" and not has_bf16(device):
        return f"this {device.type} has no instructions for bfloat16"
    if precision == "int8" and not has_int8(device):
        return f"this {device.type} has no instructions for int8 (AVX-512 VNNI)"
    return None


def precision_of(gpt: Backbone) -> Precision:
    """That of its frozen products."""
    inside = [
        {m.precision for m in block.modules() if isinstance(m, LowPrecisionLinear)}
        for block in gpt.blocks
    ]
    names = set().union(*inside)
    return Precision(*names, sum(map(bool, inside))) if names else Precision()


def count_frozen(gpt: Backbone) -> int:
    """How many blocks, from below, have no linear layer whose own weight trains."""
    for number, block in enumerate(gpt.blocks):
        if any(x.weight.requires_grad for _, _, x in _linears([block])):
            return number
    return len(gpt.blocks)


def lower_precision(gpt: Backbone, precision: str, blocks: int | None = None) -> None:
    """Change `gpt`: the linear layers of its first `blocks` multiply in this precision.

    By default those are its frozen ones. Weights are shared with the layers that were
    there. Raises NothingFrozenError if there are none, but where what trains is in
    bf16, too.
    """
    if precision == "float32":
        return
    device = next(gpt.parameters()).device
    lower = gpt.blocks[: count_frozen(gpt) if blocks is None else blocks]
    places = list(_linears(lower))
    if not places and blocks is None and trains_in_bf16(precision, device):
        return
    if not places:
        raise NothingFrozenError(
            f"precision={precision!r} is for frozen matrices in float32, and here are "
            "none: leave it out"
        )
    outliers = _find_outliers(gpt, lower) if precision == "int8" else {}
    for parent, name, linear in places:
        if precision == "int8":
            setattr(parent, name, Int8Linear(linear, outliers[linear]))
        else:
            setattr(parent, name, BF16Linear(linear))


def trains_in_bf16(precision: str, device: torch.device) -> bool:
    """Whether `autocast_training` belongs to this precision there: on CUDA's GPUs."""
    return precision == "bf16" and device.type == "cuda"


def autocast_training(model: nn.Module) -> None:
    """Change `model`: in training mode it computes in bfloat16; weights stay float32.

    What is evaluated is computed as before.
    """
    entered: list[torch.autocast] = []

    def enter(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        device = next(module.parameters()).device.type
        entered.append(torch.autocast(device, torch.bfloat16, enabled=module.training))
        entered[-1].__enter__()

    def leave(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        entered.pop().__exit__(None, None, None)

    model.register_forward_pre_hook(enter)
    model.register_forward_hook(leave, always_call=True)


def _linears(blocks: Iterable[nn.Module]) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    """Plain linear layers: the module that has each, its name there, and itself."""
    for block in blocks:
        for parent in block.modules():
            for name, layer in parent.named_children():
                if type(layer) is nn.Linear:
                    yield parent, name, layer


@torch.no_grad()
def _find_outliers(
    gpt: Backbone, blocks: Iterable[nn.Module]
) -> dict[nn.Linear, Tensor]:
    """For each linear layer the input channels (k,) that become largest.

    They are nearly the same for all texts, so random tokens show them.
    """
    found: dict[nn.Linear, Tensor] = {}

    def note(layer: nn.Linear, inputs: tuple[Tensor], output: Tensor) -> None:
        largest = inputs[0].abs().flatten(0, -2).amax(0)  # (in,)
        found[layer] = largest.topk(min(OUTLIERS, len(largest))).indices

    hooks = [x.register_forward_hook(note) for _, _, x in _linears(blocks)]
    generator = torch.Generator().manual_seed(123)
    size = DRAWN[0], min(DRAWN[1], gpt.config.context_length)
    ids = torch.randint(gpt.config.vocab_size, size, generator=generator)
    x = gpt.embed(ids.to(next(gpt.parameters()).device))
    lengths = torch.full((len(x),), x.shape[1], device=x.device)
    try:
        with evaluation_mode(gpt):
            run_blocks(blocks, x, mask_of(gpt, lengths, x.shape[1]))
    finally:
        for hook in hooks:
            hook.remove()
    return found
