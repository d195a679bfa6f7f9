"""NF4: frozen matrices in 4 bits a number; with LoRA on top, QLoRA.

    weight ─▶ blocks of 64 ─▶ each divided by its largest ─▶ nearest of 16 levels
    the largest ones ─▶ minus their mean ─▶ blocks of 256 ─▶ nearest of 256 levels

The 16 levels are quantiles of a normal distribution, which trained weights nearly
have. 4 bits a number, 8 for every 64, 32 for every 16,384: 0.516 bytes. After Dettmers
et al., 2023, arXiv 2305.14314; the values are those of bitsandbytes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.methods.layers import linear_layers, pick_layers, put_layer

__all__ = [
    "NF4Linear",
    "dequantize",
    "nf4_levels",
    "quantize",
    "quantize_linears",
    "scale_levels",
]

BLOCK = 64  # numbers that share a scale
SCALE_BLOCK = 256  # scales that share a scale


def nf4_levels() -> Tensor:
    """(16,) levels from -1 to 1: 0, 7 quantiles below it and 8 above."""
    edge = 0.9677083  # the outermost quantile that is still finite, as bitsandbytes has
    upper = torch.linspace(edge, 0.5, 9, dtype=torch.float64)[:-1]
    lower = torch.linspace(edge, 0.5, 8, dtype=torch.float64)[:-1]
    levels = torch.cat(
        [torch.special.ndtri(upper), torch.zeros(1), -torch.special.ndtri(lower)]
    )
    return (levels.sort().values / levels.max()).float()


def scale_levels() -> Tensor:
    """(256,) levels from -1 to 1, fine near 0: seven decades, each cut twice as often.

    The dynamic data type of Dettmers, 2015, arXiv 1511.04561.
    """
    levels = [torch.tensor([0.0, 1.0])]
    for decade in range(7):
        edges = torch.linspace(0.1, 1, 2**decade + 1)
        means = (edges[:-1] + edges[1:]) / 2 * 10.0 ** (decade - 6)
        levels += [means, -means]
    return torch.cat(levels).sort().values


# Made here: where the first call is about memory alone, they would have no numbers
_LEVELS, _SCALE_LEVELS = nf4_levels(), scale_levels()
# (256, 2): the two numbers that a byte of codes stands for
_BYTES = _LEVELS[torch.stack([torch.arange(256) >> 4, torch.arange(256) & 15], dim=1)]


def quantize(weight: Tensor) -> dict[str, Tensor]:
    """A float32 tensor as 4-bit codes, two a byte, and 8-bit scales.

    `codes` uint8, the first of two in the high half; `scales` uint8, one per 64;
    `scale_max` float32, one per 256 scales; `scale_mean` float32.
    """
    blocks = _blocks(weight.detach().float().flatten(), BLOCK)  # (n, 64)
    largest = blocks.abs().amax(1)  # (n,)
    ratios = blocks / largest.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
    codes = _nearest(ratios, _LEVELS).flatten()
    mean = largest.mean()
    groups = _blocks(largest - mean, SCALE_BLOCK)
    scale_max = groups.abs().amax(1)
    ratios = groups / scale_max.clamp(min=torch.finfo(torch.float32).tiny)[:, None]
    scales = _nearest(ratios, _SCALE_LEVELS).flatten()[: len(largest)]
    return {
        "codes": (codes[0::2] << 4) | codes[1::2],
        "scales": scales,
        "scale_max": scale_max,
        "scale_mean": mean,
    }


def dequantize(stored: dict[str, Tensor], shape: Sequence[int]) -> Tensor:
    """The float32 tensor of `shape` that `quantize` stored, with 4 bits' error."""
    device = stored["codes"].device
    levels = _SCALE_LEVELS.to(device)[stored["scales"].int()]  # (n,)
    largest = _blocks(levels, SCALE_BLOCK) * stored["scale_max"][:, None]
    largest = largest.flatten()[: len(levels)] + stored["scale_mean"]
    # both halves of a byte at once: (bytes, 2), then (n, 64)
    numbers = _BYTES.to(device)[stored["codes"].int()].view(-1, BLOCK)
    count = torch.Size(shape).numel()
    return (numbers * largest[:, None]).flatten()[:count].view(*shape)


class NF4Linear(nn.Module):
    """A frozen linear layer that holds its weight in 4 bits.

    The weight is dequantised for each product, forward and backward, and then
    discarded.
    """

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        for name, tensor in quantize(linear.weight).items():
            self.register_buffer(name, tensor)
        self.bias = linear.bias
        if self.bias is not None:
            self.bias.requires_grad_(False)

    def dequantize(self) -> Tensor:
        """(out, in) float32."""
        stored = {name: buffer for name, buffer in self.named_buffers()}
        return dequantize(stored, (self.out_features, self.in_features))

    weight = property(dequantize)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        product = _Product.apply(x, self)
        return product if self.bias is None else product + self.bias


def quantize_linears(
    model: nn.Module, targets: tuple[str, ...] | None = None
) -> list[str]:
    """Change `model`: put an NF4Linear in the place of each target; return their names.

    Targets are ends of names, as in `LoRAConfig`; without any, every linear layer of
    the blocks. Raises SpamftError, and changes nothing, if one is not found.
    """
    plain = {n: x for n, x in linear_layers(model).items() if isinstance(x, nn.Linear)}
    layers = pick_layers(plain, targets)
    for name, layer in layers.items():
        put_layer(model, name, NF4Linear(layer))
    return list(layers)


class _Product(torch.autograd.Function):
    """x W^T that keeps no float32 W between forward and backward."""

    @staticmethod
    def forward(ctx, x: Tensor, layer: NF4Linear) -> Tensor:
        ctx.layer = layer
        return F.linear(x, layer.dequantize())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient @ ctx.layer.dequantize(), None


def _blocks(flat: Tensor, size: int) -> Tensor:
    """(n,) -> (blocks, size), the last one filled up with zeros."""
    return F.pad(flat, (0, -len(flat) % size)).view(-1, size)


def _nearest(numbers: Tensor, levels: Tensor) -> Tensor:
    """The place of the nearest level to each number, uint8."""
    levels = levels.to(numbers.device)
    middles = (levels[1:] + levels[:-1]) / 2
    return torch.bucketize(numbers, middles).to(torch.uint8)
