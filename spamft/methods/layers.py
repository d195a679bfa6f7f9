"""Find a model's linear layers by name, and replace them."""

from collections.abc import Mapping, Sequence

from torch import nn

from spamft.plumbing.errors import SpamftError

__all__ = ["linear_layers", "pick_layers", "put_layer"]


def linear_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Every nn.Linear, or quantised one, by its name in `model`."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear) or hasattr(layer, "dequantize")
    }


def pick_layers(
    layers: Mapping[str, nn.Module], targets: Sequence[str] | None
) -> dict[str, nn.Module]:
    """Those whose name ends in one of `targets`; without targets, those of the blocks.

    Raises SpamftError for a target that no layer has.
    """
    if targets is None:
        return {n: layer for n, layer in layers.items() if "blocks." in n}
    for target in targets:
        if not any(_ends(name, target) for name in layers):
            raise SpamftError(
                f"no linear layer is named {target!r}; there are: {', '.join(layers)}"
            )
    return {
        name: layer
        for name, layer in layers.items()
        if any(_ends(name, target) for target in targets)
    }


def put_layer(model: nn.Module, name: str, layer: nn.Module) -> None:
    """Change `model`: `layer` takes the place that has this name."""
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, layer)


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith("." + target)
