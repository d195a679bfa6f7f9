"""What LoRA learned, in the two files of Hugging Face's PEFT.

    adapter_config.json          rank, alpha, where
    adapter_model.safetensors    every A and B, and the head

PEFT opens ours over the classifier that `export_hf` wrote, and we open PEFT's for
GPT-2. Their classifier has no bias in its head: ours moves into the final norm's, as
in `export_hf`, so that norm is in the file, too.
"""

from pathlib import Path

import torch
from torch import Tensor

from spamft.classifier import GPTClassifier, folded_norm_bias
from spamft.gpt import check_causal
from spamft.methods.lora import LoRAConfig, add_lora, lora_layers
from spamft.plumbing.display import brief, naming
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import read_json, write_json
from spamft.plumbing.tensors import are_finite, read_tensors, write_tensors
from spamft.pretrained import LAYOUT

__all__ = ["load_adapter", "save_adapter"]

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
MOST = 2**24  # of a setting; above it a config is broken
PREFIX = "base_model.model."  # PEFT's, before the names of the model it wraps
HEAD, NORM = "score.weight", "transformer.ln_f."

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
    """
    layers = lora_layers(model)
    if not layers:
        raise SpamftError("the model has no LoRA layer: add_lora first")
    check_causal(model.gpt.config, "Hugging Face's PEFT")
    if model.pooling != "last_real":
        raise SpamftError(
            f"Hugging Face's GPT-2 reads the last real token, not {model.pooling!r}"
        )
    tensors = {
        HEAD: model.head.weight,
        f"{NORM}weight": model.gpt.final_norm.weight,
        f"{NORM}bias": folded_norm_bias(model),
    }
    for name, layer in layers.items():
        tensors[f"{_theirs(name)}.lora_A.weight"] = layer.A
        tensors[f"{_theirs(name)}.lora_B.weight"] = layer.B
    one = next(iter(layers.values()))
    config = _PLAIN | {
        "task_type": "SEQ_CLS",
        "base_model_name_or_path": base,
        "r": one.rank,
        "lora_alpha": one.scale * one.rank,
        "lora_dropout": one.dropout.p,
        "target_modules": [_theirs(name) for name in layers],
        "modules_to_save": ["score", "ln_f"],
        "fan_in_fan_out": True,  # their GPT-2 stores its linear layers transposed
        "inference_mode": True,
    }
    flat = {PREFIX + key: tensor.detach() for key, tensor in tensors.items()}
    with whole_folder(folder) as made:
        write_tensors(made / WEIGHTS, flat, {"format": "pt"})
        write_json(made / CONFIG, config)


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
        return _put_in(model, config, stored, folder)


def _put_in(
    model: GPTClassifier, config: dict, stored: dict[str, Tensor], folder: Path
) -> list[str]:
    """Change `model` as `load_adapter` says, from what its two files hold."""
    for key, plain in _PLAIN.items():
        if config.get(key, plain) != plain and config.get(key):
            raise SpamftError(
                f"{folder}: {key}={brief(repr(config[key]), 80)} is not supported here"
            )
    tensors = {key.removeprefix(PREFIX): tensor for key, tensor in stored.items()}
    head, norm = tensors.pop(HEAD, None), _take_norm(tensors)
    if head is None:
        raise SpamftError(f"{folder} has no class head: {PREFIX}{HEAD} is missing")
    pairs = _pairs(tensors, folder)
    lora = _read_config(config, pairs, folder)
    _check(model, pairs, head, norm, lora.rank, folder)
    names = add_lora(model, lora)
    with torch.no_grad():
        for name, layer in lora_layers(model).items():
            for parameter, tensor in zip((layer.A, layer.B), pairs[name], strict=True):
                parameter.copy_(tensor)
        model.head.weight.copy_(head)
        model.head.bias.zero_()
        for parameter, tensor in zip(
            (model.gpt.final_norm.weight, model.gpt.final_norm.bias), norm, strict=False
        ):
            parameter.copy_(tensor)
    return names


def _read_config(config: dict, pairs: dict, folder: Path) -> LoRAConfig:
    numbers = [config.get("r"), config.get("lora_alpha"), config.get("lora_dropout", 0)]
    # a bool is an int, and no float holds the largest ints
    if type(numbers[0]) is not int or not all(
        type(n) in (int, float) and abs(n) <= MOST for n in numbers
    ):
        raise SpamftError(f"{folder / CONFIG}: r, lora_alpha, lora_dropout: no numbers")
    return LoRAConfig(*numbers, tuple(pairs))


def _take_norm(tensors: dict[str, Tensor]) -> list[Tensor]:
    """The final norm's weight and bias, or nothing."""
    keys = (f"{NORM}weight", f"{NORM}bias")
    if missing := [key for key in keys if key not in tensors]:
        if len(missing) == 1:
            raise SpamftError(f"{PREFIX}{missing[0]} is missing")
        return []
    return [tensors.pop(key) for key in keys]


def _pairs(
    tensors: dict[str, Tensor], folder: Path
) -> dict[str, tuple[Tensor, Tensor]]:
    """(A, B) by our names of the layers; every tensor must be one of a pair."""
    names = {key.rpartition(".lora_")[0] for key in tensors}
    pairs = {}
    for name in sorted(names):
        keys = [f"{name}.lora_{letter}.weight" for letter in "AB"]
        ours = _ours(name)
        if ours is None or not all(key in tensors for key in keys):
            odd = next(key for key in tensors if key.startswith(name))
            raise SpamftError(f"{folder}: {PREFIX}{odd} is no update of a GPT-2 layer")
        pairs[ours] = (tensors.pop(keys[0]), tensors.pop(keys[1]))
    if tensors:
        raise SpamftError(f"{folder}: {PREFIX}{next(iter(tensors))} is not known")
    return pairs


def _check(
    model: GPTClassifier,
    pairs: dict[str, tuple[Tensor, Tensor]],
    head: Tensor,
    norm: list[Tensor],
    rank: int,
    folder: Path,
) -> None:
    """Every shape against the model's, before anything is changed."""
    if taken := lora_layers(model):
        raise SpamftError(f"{next(iter(taken))} has LoRA already: merge_lora first")
    layers = dict(model.named_modules())
    expected = {"the head": (head, tuple(model.head.weight.shape))}
    for what, tensor in zip(("weight", "bias"), norm, strict=False):
        shape = tuple(model.gpt.final_norm.weight.shape)
        expected[f"the final norm's {what}"] = (tensor, shape)
    for name, (A, B) in pairs.items():
        if name not in layers:
            raise SpamftError(f"{folder}: the model has no layer {name!r}")
        layer = layers[name]
        expected[f"A of {name}"] = (A, (rank, layer.in_features))
        expected[f"B of {name}"] = (B, (layer.out_features, rank))
    for what, (tensor, shape) in expected.items():
        if not are_finite(tensor):
            raise SpamftError(f"{folder}: {what} holds no finite numbers")
        if tuple(tensor.shape) != shape:
            raise SpamftError(
                f"{folder}: {what} has the shape {tuple(tensor.shape)}, but rank "
                f"{rank} and this model need {shape}"
            )


def _theirs(name: str) -> str:
    """gpt.blocks.0.attention.qkv -> transformer.h.0.attn.c_attn."""
    _, _, block, layer = name.split(".", 3)
    theirs = {ours: their for ours, their, _ in LAYOUT.block}
    return f"transformer.h.{block}.{theirs[layer]}"


def _ours(name: str) -> str | None:
    """The other way round; None for what is no linear layer of a block."""
    ours = {their: our for our, their, transposed in LAYOUT.block if transposed}
    parts = name.split(".", 3)
    if len(parts) < 4 or parts[:2] != ["transformer", "h"] or parts[3] not in ours:
        return None
    return f"gpt.blocks.{parts[2]}.{ours[parts[3]]}"
