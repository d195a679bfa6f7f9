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

from spamft.methods.layers import linear_layers, pick_layers, put_layer
from spamft.plumbing.errors import SpamftError

__all__ = [
    "LoRAConfig",
    "LoRALinear",
    "add_lora",
    "lora_layers",
    "merge_lora",
    "unmerge_lora",
    "updated_weight",
]


@dataclass(frozen=True)
class LoRAConfig:
    """What LoRA adds, and where."""

    rank: int = 8
    alpha: float = 16.0  # the update is scaled by alpha / rank
    dropout: float = 0.0  # of the update's input, in training
    targets: tuple[str, ...] | None = None  # ends of layers' names; None: see add_lora
    also: tuple[str, ...] = ("head",)  # modules that train in full beside it

    def __post_init__(self):
        if self.rank < 1:
            raise SpamftError(f"rank={self.rank} must be at least 1")
        if not 0 <= self.dropout < 1:
            raise SpamftError(f"dropout={self.dropout} must lie in [0, 1)")
        if isinstance(self.targets, str) or self.targets == ():
            raise SpamftError(f"targets={self.targets!r} must be a tuple of names")


class LoRALinear(nn.Module):
    """A frozen linear layer plus alpha / r · B·A, which trains.

    `base` is an nn.Linear, or any layer with in_features, out_features, a weight and a
    bias, such as nf4's. A is Kaiming-uniform as in PEFT, B zero.
    """

    def __init__(self, base: nn.Module, config: LoRAConfig, *, seed: int = 123):
        super().__init__()
        n_in, n_out = base.in_features, base.out_features
        if config.rank > min(n_in, n_out):
            raise SpamftError(
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
        return updated_weight(self.base.weight, self.A, self.B, self.scale)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        rows = x.reshape(-1, x.shape[-1])  # (N, in): what addmm takes
        thin = F.linear(self.dropout(rows), self.A)  # (N, r)
        # scaled and added by the product itself, not in passes over (N, out) of its own
        y = torch.addmm(self.base(rows), thin, self.B.T, alpha=self.scale)
        return y.view(*x.shape[:-1], -1)


def updated_weight(weight: Tensor, A: Tensor, B: Tensor, scale: float) -> Tensor:
    """(out, in): W + scale · B·A, always in this order, so always the same bits."""
    return weight + scale * (B @ A)


def add_lora(model: nn.Module, config: LoRAConfig, *, seed: int = 123) -> list[str]:
    """Change `model`: freeze it, and give its target layers an update.

    Returns the names of these layers. A layer is a target if its name is one of
    `config.targets` or ends with a dot and one of them; without targets, every linear
    layer of the blocks is one. The modules named in `config.also` train in full. Each A
    is drawn from `seed` and the layer's place. Raises SpamftError, and changes nothing,
    if a target or a module is not found.
    """
    if taken := lora_layers(model):
        raise SpamftError(f"{next(iter(taken))} has LoRA already: merge_lora first")
    linears = linear_layers(model)
    layers = pick_layers(linears, config.targets)
    trained = [_find(model, name) for name in config.also]
    made = {
        name: LoRALinear(layer, config, seed=seed + place)
        for place, (name, layer) in enumerate(layers.items())
    }
    model.requires_grad_(False)
    for name, layer in made.items():
        put_layer(model, name, layer)
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
    """Change `model`: put a plain nn.Linear with the weight W + alpha / r · B·A in the
    place of each LoRALinear.

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
        put_layer(model, name, merged.train(layer.training))
    return taken


def unmerge_lora(model: nn.Module, layers: dict[str, LoRALinear]) -> None:
    """Change `model`: put back what `merge_lora` took out, exactly as it was."""
    for name, layer in layers.items():
        put_layer(model, name, layer)


def _find(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError:
        parts = ", ".join(part for part, _ in model.named_children())
        raise SpamftError(
            f"no module is named {name!r} to train in full; there are: {parts}"
        ) from None
