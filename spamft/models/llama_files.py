"""Llama's weights in Hugging Face's layout <-> a models.llama.Llama.

One table says which of our parameters is which of theirs; see models/layout.py.
"""

from pathlib import Path

import torch

from spamft.gpt import check_causal
from spamft.models.backbone import LAST_BLOCKS, Architecture, HuggingFace
from spamft.models.layout import Layout, open_weights
from spamft.models.llama import Llama, LlamaConfig
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import read_json, write_json
from spamft.plumbing.tensors import write_tensors

__all__ = ["LAYOUT", "LLAMA", "fill_llama", "hf_config", "load_llama", "save_llama"]

# ours, theirs, transposed?
LAYOUT = Layout(
    top=(
        ("tok_emb", "embed_tokens", False),
        ("final_norm", "norm", False),
        ("out_head", "lm_head", False),
    ),
    block=(
        ("norm_1", "input_layernorm", False),
        ("attention.query", "self_attn.q_proj", False),
        ("attention.key", "self_attn.k_proj", False),
        ("attention.value", "self_attn.v_proj", False),
        ("attention.out", "self_attn.o_proj", False),
        ("norm_2", "post_attention_layernorm", False),
        ("mlp.gate", "mlp.gate_proj", False),
        ("mlp.up", "mlp.up_proj", False),
        ("mlp.down", "mlp.down_proj", False),
    ),
    blocks="layers",
    prefix="model.",
    bare=("lm_head",),
    not_weights=(".rotary_emb.inv_freq",),
    tied=("lm_head.weight", "embed_tokens.weight"),
)
# What our Llama does, in the words of their config.json; another value is another model
_FIXED = {
    "model_type": "llama",
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
}
_SIZES = {  # ours -> theirs
    "vocab_size": "vocab_size",
    "context_length": "max_position_embeddings",
    "emb_dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "hidden_dim": "intermediate_size",
    "norm_eps": "rms_norm_eps",
    "tied": "tie_word_embeddings",
}


def fill_llama(config: LlamaConfig, weights: dict, source: str) -> Llama:
    """A model of this size with the tensors of `weights`, which have their names.

    Raises SpamftError, naming them and `source`, for tensors that do not fit.
    """
    if config.n_layers > len(weights):  # before as many are built
        raise SpamftError(
            f"{source}: {config.n_layers:,} layers, but only {len(weights):,} tensors"
        )
    with torch.device("meta"):
        model = Llama(config)
    LAYOUT.fill(model, weights, source)
    return model


def load_llama(folder: Path) -> Llama:
    """The Llama in a folder with `config.json` and `model.safetensors`, or shards.

    Raises SpamftError for a folder that holds none, with the file and the tensor.
    """
    config = _read_config(folder / "config.json")
    return fill_llama(config, open_weights(folder), str(folder))


def save_llama(model: Llama, folder: Path | str) -> None:
    """Write `config.json` and `model.safetensors`, which transformers opens too."""
    weights = LAYOUT.export(model)
    config = hf_config(model.config) | {"architectures": ["LlamaForCausalLM"]}
    with whole_folder(folder) as made:
        write_tensors(made / "model.safetensors", weights, {"format": "pt"})
        write_json(made / "config.json", config)


def hf_config(config: LlamaConfig) -> dict:
    """The entries of Hugging Face's config.json for a Llama of this size.

    Raises SpamftError for full attention, which their Llama does not have.
    """
    check_causal(config, "Hugging Face's Llama")
    sizes = {theirs: getattr(config, ours) for ours, theirs in _SIZES.items()}
    positions = {
        "rope_theta": config.rope_base,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
    }
    return _FIXED | sizes | positions | {"head_dim": config.head_dim}


def _read_config(path: Path) -> LlamaConfig:
    if not path.exists():
        raise SpamftError(f"{path} is missing: a model folder needs a config.json")
    theirs = read_json(path)
    # what an older config does not name has the value that it then had
    usual = {"tie_word_embeddings": False, "rms_norm_eps": 1e-6}
    usual["num_key_value_heads"] = theirs.get("num_attention_heads")
    usual["max_position_embeddings"] = 2048
    try:
        sizes = {ours: (usual | theirs)[name] for ours, name in _SIZES.items()}
        config = LlamaConfig(**sizes, rope_base=_rope_base(theirs))
    except KeyError as error:
        raise SpamftError(f"{path}: Llama's entry {error} is missing") from None
    except (SpamftError, TypeError, ValueError) as error:
        raise SpamftError(f"{path}: not a Llama config: {brief(error)}") from None
    for name, value in (_FIXED | {"head_dim": config.head_dim}).items():
        found = theirs.get(name)
        if found is not None and found != value:
            what = brief(repr(found))
            raise SpamftError(
                f"{path}: {name} is {what}, but spamft's Llama has {value!r}"
            )
    return config


def _rope_base(theirs: dict) -> float:
    """The base of the rotations, which newer configs have among others' settings."""
    scaling = theirs.get("rope_parameters") or theirs.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind != "default":
        what = brief(repr(kind))
        raise SpamftError(f"positions are scaled ({what}), which is unknown")
    return float(scaling.get("rope_theta", theirs.get("rope_theta", 10_000.0)))


LLAMA = Architecture(
    LlamaConfig,
    Llama,
    load_llama,
    HuggingFace(LAYOUT, hf_config, "LlamaForSequenceClassification"),
    method="features",  # which measured best
    rates={LAST_BLOCKS: 2e-4},  # of SmolLM2, on a split that no figure is measured on
)
