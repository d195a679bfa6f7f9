"""LoRA: a frozen matrix, and two thin ones beside it that train.

        x ──▶ W (frozen) ──────────────▶ + ──▶ y
        └──▶ A (r rows) ──▶ B (r columns) ─┘ · alpha / r

B starts at zero, so the model starts as it was. With rank r the update B·A has
r (in + out) numbers instead of in · out. After Hu et al., 2021, arXiv 2106.09685.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.gpt import linear_rows

__all__ = [
    "LoRAConfig",
    "LoRALinear",
    "add_lora",
    "lora_layers",
    "merge_lora",
    "unmerge_lora",
]


@dataclass(frozen=True)
class LoRAConfig:
    """What LoRA adds, and where."""

    rank: int = 8
    alpha: float = 16.0  # the update is scaled by alpha / rank
    dropout: float = 0.0  # of the update's input, in training
    targets: tuple[str, ...] = ("qkv", "out", "up", "down")  # ends of layers' names
    also: tuple[str, ...] = ("head",)  # modules that train in full beside it

    def __post_init__(self):
        if self.rank < 1:
            raise ValueError(f"rank={self.rank} must be at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} must lie in [0, 1)")
        if isinstance(self.targets, str) or not self.targets:
            raise ValueError(f"targets={self.targets!r} must be a tuple of names")


class LoRALinear(nn.Module):
    """A frozen linear layer plus alpha / r · B·A, which trains.

    `base` is an nn.Linear, or any layer with in_features, out_features, a weight, a
    bias and `rows`, such as nf4's. A is Kaiming-uniform as in PEFT, B zero.
    """

    def __init__(self, base: nn.Module, config: LoRAConfig, *, seed: int = 123):
        super().__init__()
        n_in, n_out = base.in_features, base.out_features
        if config.rank > min(n_in, n_out):
            raise ValueError(
                f"rank={config.rank} is more than a {n_out} by {n_in} matrix can have"
            )
        self.base = base.requires_grad_(False)
        self.scale, self.rank = config.alpha / config.rank, config.rank
        self.dropout = nn.Dropout(config.dropout)
        where = next(iter([*base.parameters(), *base.buffers()])).device
        self.A = nn.Parameter(torch.empty(config.rank, n_in, device=where))
        self.B = nn.Parameter(torch.zeros(n_out, config.rank, device=where))
        if not self.A.is_meta:
            draw = torch.empty(config.rank, n_in)
            generator = torch.Generator().manual_seed(seed)
            nn.init.kaiming_uniform_(draw, math.sqrt(5), generator=generator)
            self.A.data.copy_(draw)

    in_features = property(lambda self: self.base.in_features)
    out_features = property(lambda self: self.base.out_features)
    bias = property(lambda self: self.base.bias)

    @property
    def weight(self) -> Tensor:
        """(out, in): what a plain layer that did the same would have."""
        return self.base.weight + self.scale * (self.B @ self.A)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        thin = F.linear(self.dropout(x), self.A)  # (..., r)
        return self.base(x) + self.scale * F.linear(thin, self.B)

    def rows(self, x: Tensor, start: int, stop: int) -> Tensor:
        """(..., in) -> (..., stop - start): `forward(x)[..., start:stop]` for less."""
        thin = F.linear(self.dropout(x), self.A)
        return linear_rows(self.base, x, start, stop) + self.scale * F.linear(
            thin, self.B[start:stop]
        )


def add_lora(model: nn.Module, config: LoRAConfig, *, seed: int = 123) -> list[str]:
    """Freeze `model`, give its target layers an update; return these layers' names.

    A layer is a target if its name is one of `config.targets` or ends with a dot and
    one of them; the modules named in `config.also` train in full. Only layers like
    nn.Linear can be targets. Each A is drawn from `seed` and the layer's place.
    Raises ValueError, and changes nothing, if a target or a module is not found.
    """
    layers = {
        name: layer
        for name, layer in model.named_modules()
        if _is_linear(layer) and any(_ends(name, target) for target in config.targets)
    }
    if taken := lora_layers(model):
        raise ValueError(f"{next(iter(taken))} has LoRA already: merge_lora first")
    for target in config.targets:
        if not any(_ends(name, target) for name in layers):
            there = [name for name, each in model.named_modules() if _is_linear(each)]
            raise ValueError(
                f"no linear layer is named {target!r}; there are: {', '.join(there)}"
            )
    trained = [_find(model, name) for name in config.also]
    made = {
        name: LoRALinear(layer, config, seed=seed + place)
        for place, (name, layer) in enumerate(layers.items())
    }
    model.requires_grad_(False)
    for name, layer in made.items():
        _put(model, name, layer)
        layer.A.requires_grad_(True)
        layer.B.requires_grad_(True)
    for module in trained:
        module.requires_grad_(True)
    return list(made)


def lora_layers(model: nn.Module) -> dict[str, LoRALinear]:
    """The model's LoRALinears by name."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, LoRALinear)
    }


@torch.no_grad()
def merge_lora(model: nn.Module) -> dict[str, LoRALinear]:
    """Put a plain nn.Linear with the weight W + alpha / r · B·A in each one's place.

    The model is then an ordinary one and can be saved and exported as such. Returns
    the layers that were taken out, for `unmerge_lora`.
    """
    taken = lora_layers(model)
    for name, layer in taken.items():
        weight = layer.weight
        merged = nn.Linear(*weight.T.shape, bias=layer.bias is not None, device="meta")
        merged.weight = nn.Parameter(weight, requires_grad=False)
        if layer.bias is not None:
            merged.bias = nn.Parameter(layer.bias.clone(), requires_grad=False)
        _put(model, name, merged.train(layer.training))
    return taken


def unmerge_lora(model: nn.Module, layers: dict[str, LoRALinear]) -> None:
    """Put back what `merge_lora` took out, exactly as it was."""
    for name, layer in layers.items():
        _put(model, name, layer)


def _is_linear(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear) or hasattr(layer, "dequantize")


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith("." + target)


def _find(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError:
        parts = ", ".join(part for part, _ in model.named_children())
        raise ValueError(
            f"no module is named {name!r} to train in full; there are: {parts}"
        ) from None


def _put(model: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)
