"""What LoRA learned, in the two files of Hugging Face's PEFT.

    adapter_config.json          rank, alpha, where
    adapter_model.safetensors    every A and B, the head and the final norm

PEFT opens ours over a classifier of transformers', and we open PEFT's. What
they call our layers, the architecture's table says; why the final norm is in the file,
models/score.py.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from spamft.classifier import GPTClassifier
from spamft.methods.layers import linear_layers, pick_layers
from spamft.methods.lora import LoRAConfig, add_lora, lora_layers
from spamft.models.architectures import theirs_of
from spamft.models.layout import check_fit
from spamft.models.score import SCORE, score_parameters, to_score
from spamft.plumbing.display import brief, naming
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import read_json, write_json
from spamft.plumbing.tensors import read_tensors, write_tensors

__all__ = ["load_adapter", "save_adapter", "write_adapter"]

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MOST = 2**24  # of a setting; above it a config is broken
PREFIX = "base_model.model."  # PEFT's, before the names of the model it wraps

# Settings that change what A and B mean, with the only value we support
_PLAIN = {
    "peft_type": "LORA",
    "bias": "none",
    "use_rslora": False,
    "use_dora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
    "lora_bias": False,
}


def save_adapter(
    model: GPTClassifier, folder: Path | str, base: str | None = None
) -> None:
    """Write the updates and the head of `model` as PEFT does.

    `base` names the model beneath, a folder or one of the hub, for PEFT's Auto classes.
    Raises SpamftError for what theirs cannot do, see `to_score`.
    """
    with whole_folder(folder) as made:
        write_adapter(model, made, base)


def write_adapter(model: GPTClassifier, folder: Path, base: str | None) -> None:
    """Write the two files of `save_adapter` into a folder that is there."""
    layers, names, score = lora_layers(model), _their_names(model), to_score(model)
    if not layers:
        raise SpamftError("the model has no LoRA layer: add_lora first")
    _check_all_is_kept(model, names)
    tensors = score | _updates(model, names)
    one = next(iter(layers.values()))
    config = _PLAIN | {
        "task_type": "SEQ_CLS",
        "base_model_name_or_path": base,
        "r": one.rank,
        "lora_alpha": one.scale * one.rank,
        "lora_dropout": one.dropout.p,
        "target_modules": [names[name] for name in layers],
        "modules_to_save": sorted({name.rpartition(".")[0] for name in score}),
        "fan_in_fan_out": theirs_of(model.gpt).layout.transposed,
        "inference_mode": True,
    }
    flat = {PREFIX + name: tensor.detach() for name, tensor in tensors.items()}
    write_tensors(folder / WEIGHTS, flat, {"format": "pt"})
    write_json(folder / CONFIG, config)


def _check_all_is_kept(model: GPTClassifier, names: Mapping[str, str]) -> None:
    """Raise SpamftError if more has been trained than the two files hold."""
    for name, parameter in model.named_parameters():
        layer, _, kind = name.rpartition(".")
        kept = names if kind in ("A", "B") else ("head", "gpt.final_norm")
        if parameter.requires_grad and layer not in kept:
            raise SpamftError(
                f"{name} trains, but an adapter holds no more than LoRA in the blocks, "
                "the final norm and the head"
            )


def load_adapter(model: GPTClassifier, folder: Path | str) -> list[str]:
    """Change a plain `model`: add the LoRA of a PEFT folder; return the layers' names.

    The head becomes the file's, with a bias of zero, and so does the final norm if it
    is there. Raises SpamftError, and changes nothing, for what does not fit.
    """
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise SpamftError(f"{folder} holds no adapter: {name} is missing")
    config, stored = read_json(folder / CONFIG), read_tensors(folder / WEIGHTS)
    with naming(folder):
        return _put_in(model, config, stored)


def _put_in(model: GPTClassifier, config: dict, stored: dict[str, Tensor]) -> list[str]:
    """Change `model` as `load_adapter` says, from what its two files hold."""
    stored = {name.removeprefix(PREFIX): tensor for name, tensor in stored.items()}
    names, score = _their_names(model), _score_in(model, stored)
    layers = _updated_layers(model, names, stored)
    lora = _read_config(config, tuple(layers))
    shapes = {name: parameter.shape for name, parameter in score.items()}
    for name, layer in layers.items():
        A, B = (lora.rank, layer.in_features), (layer.out_features, lora.rank)
        shapes |= zip(_keys(names[name]), (A, B), strict=True)
    check_fit(stored, shapes, WEIGHTS)
    added = add_lora(model, lora)
    with torch.no_grad():
        for name, parameter in (score | _updates(model, names)).items():
            parameter.copy_(stored[name])
        if model.head.bias is not None:
            model.head.bias.zero_()
    return added


def _read_config(config: dict, targets: tuple[str, ...]) -> LoRAConfig:
    for key, plain in _PLAIN.items():
        if config.get(key, plain) != plain and config.get(key):
            raise SpamftError(
                f"{key}={brief(repr(config[key]), 80)} is not supported here"
            )
    numbers = [config.get("r"), config.get("lora_alpha"), config.get("lora_dropout", 0)]
    # a bool is an int, and no float holds the largest ints
    if type(numbers[0]) is not int or not all(
        type(n) in (int, float) and abs(n) <= MOST for n in numbers
    ):
        raise SpamftError(f"{CONFIG}: r, lora_alpha, lora_dropout: no numbers")
    return LoRAConfig(*numbers, targets)


def _score_in(
    model: GPTClassifier, stored: Mapping[str, Tensor]
) -> dict[str, nn.Parameter]:
    """Our parameters for the head and, if the file has it, the final norm."""
    score = score_parameters(model)
    if SCORE not in stored:
        raise SpamftError(f"there is no class head: {SCORE} is missing")
    # an adapter of PEFT's own leaves the norm as it is in the base
    if stored.keys().isdisjoint(score.keys() - {SCORE}):
        return {SCORE: score[SCORE]}
    return score


def _updated_layers(
    model: GPTClassifier, names: Mapping[str, str], stored: Mapping[str, Tensor]
) -> dict[str, nn.Module]:
    """The linear layers, by our names, of which `stored` holds an A or a B."""
    if taken := lora_layers(model):
        raise SpamftError(f"{next(iter(taken))} has LoRA already: merge_lora first")
    linears = pick_layers(linear_layers(model), None)
    updated = {name.rpartition(".lora_")[0] for name in stored}
    layers = {n: layer for n, layer in linears.items() if names[n] in updated}
    if not layers:
        raise SpamftError(f"it updates no layer of this {type(model.gpt).__name__}")
    return layers


def _updates(model: nn.Module, names: Mapping[str, str]) -> dict[str, nn.Parameter]:
    """Every A and B by PEFT's name."""
    updates = {}
    for name, layer in lora_layers(model).items():
        updates |= zip(_keys(names[name]), (layer.A, layer.B), strict=True)
    return updates


def _keys(layer: str) -> tuple[str, str]:
    """PEFT's names of A and B."""
    return f"{layer}.lora_A.weight", f"{layer}.lora_B.weight"


def _their_names(model: GPTClassifier) -> dict[str, str]:
    """Our name -> theirs of every layer of the blocks."""
    layers = theirs_of(model.gpt).layout.layers(model.gpt)
    blocks = {ours: name for ours, name in layers.items() if ours.startswith("blocks.")}
    return {f"gpt.{ours}": name for ours, name in blocks.items()}
