"""What training changed <-> all weights of a classifier.

choose_weights(model, taken, base)    the tensors that differ; of LoRA its A and B
all_weights(card, path, base)         all weights again, with the same bits

A matrix with LoRA differs everywhere, so its A and B are kept, which are thin. QLoRA's
are laid over the base's matrix in 4 bits, which are computed again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from spamft.methods.lora import LoRALinear, updated_weight
from spamft.methods.nf4 import NF4Linear, dequantize, quantize
from spamft.plumbing.display import brief, visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.tensors import are_equal, check_tensors, read_tensors
from spamft.sources.bases import Base
from spamft.sources.models import Pretrained

__all__ = ["Kept", "all_weights", "choose_weights"]

SHARE = 0.5  # of the weights; a larger part is not worth the dependence on a base
THIN = (".A", ".B")  # endings of LoRA's two; no tensor of a plain model has them


class Kept(NamedTuple):
    """Which weights are kept of a classifier."""

    written: int  # bytes
    whole: int  # bytes of all weights
    base: Base | None  # beside which a part of them is used
    reason: str = ""  # why it is the whole, although there was a base

    def __str__(self) -> str:
        if self.base is None:
            reason = f": {self.reason}" if self.reason else ""
            return f"saved all weights, {_size(self.whole)}{reason}"
        place = ", which must stay there" if self.base.is_path else ""
        return (
            f"saved the trained part: {_size(self.written)} beside "
            f"{visible(self.base.name)}{place}; --whole keeps all {_size(self.whole)}"
        )


def choose_weights(
    model: nn.Module, taken: Mapping[str, LoRALinear], base: Pretrained | None
) -> tuple[dict[str, Tensor], Kept, dict]:
    """The weights to write, what to tell of them, and what the card says of a base.

    `taken` are the layers that `merge_lora` took out of the model.
    """
    weights = model.state_dict()
    whole = sum(tensor.nbytes for tensor in weights.values())
    if base is None:
        return weights, Kept(whole, whole, None), {}
    try:
        known = Base.of(base)
    except SpamftError as error:
        return weights, Kept(whole, whole, None, str(error)), {}
    part, lora = _trained_part(weights, taken, _named(base.gpt.state_dict()))
    written = sum(tensor.nbytes for tensor in part.values())
    if written > SHARE * whole:
        return weights, Kept(whole, whole, None, "training changed most of them"), {}
    return part, Kept(written, whole, known), {"base": known.to_dict(), "lora": lora}


def all_weights(card: dict, path: Path, base: Path | str | None) -> dict[str, Tensor]:
    """Those of the file `path`, laid over those of the base that the card names.

    `base` is where that lies now, if it was moved. Raises SpamftError for a part that
    does not fit, MissingBaseError.
    """
    part = read_tensors(path)
    if "base" not in card:
        if base is not None:
            raise SpamftError(f"{path.parent} holds all weights: leave the base out")
        return part
    frozen = _named(Base.from_dict(card["base"]).weights(base))
    frozen = _lower_blocks(frozen, card["gpt"]["n_layers"])
    return _lay_over(frozen, part, card["lora"], path)


def _trained_part(
    weights: Mapping[str, Tensor],
    taken: Mapping[str, LoRALinear],
    base: Mapping[str, Tensor],
) -> tuple[dict[str, Tensor], dict | None]:
    """The tensors that the base lacks, and how those of LoRA are meant."""
    part = {
        name: tensor
        for name, tensor in weights.items()
        if name not in base or not are_equal(tensor, base[name])
    }
    lora = _settings(next(iter(taken.values()))) if taken else None
    for name, layer in taken.items():
        weight = f"{name}.weight"
        if weight not in part or weight not in base or _settings(layer) != lora:
            continue
        if are_equal(layer.base.weight, _frozen(base[weight], lora)):
            del part[weight]
            part |= {f"{name}.A": layer.A.detach(), f"{name}.B": layer.B.detach()}
    return part, lora


def _lower_blocks(base: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Without the blocks above, for a classifier that stands on the lower ones."""
    above = {n for n in base if n.startswith("gpt.blocks.")}
    above -= {n for n in above if int(n.split(".")[2]) < count}
    return {name: tensor for name, tensor in base.items() if name not in above}


def _lay_over(
    base: Mapping[str, Tensor],
    part: Mapping[str, Tensor],
    lora: dict | None,
    path: Path,
) -> dict[str, Tensor]:
    """All weights; raises SpamftError for an A or B that does not fit the base."""
    weights = dict(base) | {n: t for n, t in part.items() if not n.endswith(THIN)}
    for name in sorted({n[: -len(THIN[0])] for n in part if n.endswith(THIN)}):
        weight = f"{name}.weight"
        if weight not in base or base[weight].dim() != 2 or lora is None:
            raise SpamftError(f"{path}: {brief(name)} has A or B, but is no matrix")
        pair = {n: part[n] for n in (name + THIN[0], name + THIN[1]) if n in part}
        _check(pair, name, base[weight], path)
        frozen = _frozen(base[weight], lora)
        weights[weight] = updated_weight(frozen, *pair.values(), lora["scale"])
    return weights


def _check(pair: dict[str, Tensor], name: str, weight: Tensor, path: Path) -> None:
    """Raise SpamftError unless A and B are there and can be laid over `weight`."""
    rank = next(iter(pair.values())).shape[:1].numel()
    (n_out, n_in), (a, b) = weight.shape, (name + end for end in THIN)
    like = {a: weight.new_empty(rank, n_in, device="meta")}
    like[b] = weight.new_empty(n_out, rank, device="meta")
    check_tensors(pair, like, path)


def _frozen(weight: Tensor, lora: dict) -> Tensor:
    """The matrix that LoRA stood beside."""
    if lora["in_4_bits"]:
        return dequantize(quantize(weight), weight.shape)
    return weight


def _settings(layer: LoRALinear) -> dict:
    return {"scale": layer.scale, "in_4_bits": isinstance(layer.base, NF4Linear)}


def _named(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a language model as a classifier calls them."""
    return {f"gpt.{name}": tensor for name, tensor in weights.items()}


def _size(count: int) -> str:
    """Bytes in words.

    >>> _size(4616), _size(538_060_032)
    ('4.6 kB', '538.1 MB')
    """
    return f"{count / 1e6:,.1f} MB" if count >= 1e5 else f"{count / 1e3:,.1f} kB"
