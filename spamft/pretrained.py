"""GPT-2's published weights <-> a gpt.GPT: the Hugging Face hub or a folder.

One table says which of our parameters is which of theirs; see models/layout.py.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from spamft.gpt import GPT, GPTConfig, check_causal
from spamft.models.backbone import Architecture, HuggingFace
from spamft.models.hub import download_weights, expected_download
from spamft.models.layout import Layout, open_weights
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import Download, Patience
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import read_json, write_json
from spamft.plumbing.tensors import write_tensors
from spamft.tokenizer import TINY

__all__ = [
    "GPT2",
    "LAYOUT",
    "OWNER",
    "PUBLISHED",
    "Published",
    "from_hf",
    "gpt2_download",
    "hf_config",
    "load_gpt2",
    "save_gpt2",
    "to_hf",
]


class Published(NamedTuple):
    """One of OpenAI's four models on the hub."""

    config: GPTConfig
    revision: str = "main"
    sha256: str | None = None  # of model.safetensors, where it is known


OWNER = "openai-community"  # of the hub's repositories
PUBLISHED = {
    "gpt2": Published(
        GPTConfig(),
        "607a30d783dfa663caf39e06633721c8d4cfcd7e",
        "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
    ),
    "gpt2-medium": Published(GPTConfig(emb_dim=1024, n_layers=24, n_heads=16)),
    "gpt2-large": Published(GPTConfig(emb_dim=1280, n_layers=36, n_heads=20)),
    "gpt2-xl": Published(GPTConfig(emb_dim=1600, n_layers=48, n_heads=25)),
}

# ours, theirs, transposed? (OpenAI stored its linear layers as input x output)
LAYOUT = Layout(
    top=(
        ("tok_emb", "wte", False),
        ("pos_emb", "wpe", False),
        ("final_norm", "ln_f", False),
    ),
    block=(
        ("norm_1", "ln_1", False),
        ("attention.qkv", "attn.c_attn", True),
        ("attention.out", "attn.c_proj", True),
        ("norm_2", "ln_2", False),
        ("mlp.up", "mlp.c_fc", True),
        ("mlp.down", "mlp.c_proj", True),
    ),
    blocks="h",
    prefix="transformer.",
    # causal masks that old checkpoints carry as if they were weights
    not_weights=(".attn.bias", ".attn.masked_bias"),
    tied=("lm_head.weight", "wte.weight"),
)

# What our GPT does, in the words of their config.json; another value is another model
_FIXED = {
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "tie_word_embeddings": True,
}
_SIZES = {  # ours -> theirs
    "vocab_size": "vocab_size",
    "context_length": "n_positions",
    "emb_dim": "n_embd",
    "n_layers": "n_layer",
    "n_heads": "n_head",
}


def load_gpt2(
    name_or_folder: str | Path,
    patience: Patience = Patience(),  # noqa: B008, it is frozen
) -> GPT:
    """OpenAI's GPT-2 by name, "tiny", or a GPT-2 in a folder of Hugging Face's layout.

    "tiny" is the package's own. Other names are those of PUBLISHED and come from the
    hub. A folder holds `config.json` and `model.safetensors`, or shards with their
    index. Dropout is 0 as in the lecture. float32 weights stay memory-mapped: the file
    is the only copy.

    Raises DownloadError where the hub has no answer, SpamftError for a folder that
    is not a GPT-2, with the file and the tensor.
    """
    name = str(name_or_folder)
    if name in PUBLISHED:
        config, revision, digest = PUBLISHED[name]
        repository, size = f"{OWNER}/{name}", _about_bytes(config)
        folder = download_weights(repository, revision, digest, size, patience)
        return _load_folder(folder)
    folder = TINY if name == "tiny" else Path(name)
    if not folder.is_dir():
        raise SpamftError(
            f"no model {name!r}: expected tiny, {', '.join(PUBLISHED)} "
            "or a folder with config.json and model.safetensors"
        )
    return _load_folder(folder)


def _about_bytes(config: GPTConfig) -> int:
    """The size of the hub's file, masks included, without biases and norms."""
    tokens = config.vocab_size + config.context_length
    block = 12 * config.emb_dim**2 + config.context_length**2
    return 4 * (config.emb_dim * tokens + config.n_layers * block)


def gpt2_download(timeout: float, enough: float) -> Download | None:
    """What is still to come of gpt2, as `expected_download` finds it."""
    where = f"{OWNER}/gpt2", PUBLISHED["gpt2"].revision
    return expected_download(*where, timeout, enough)


def save_gpt2(gpt: GPT, folder: Path | str, dtype: torch.dtype = torch.float32) -> None:
    """Write `config.json` and `model.safetensors`, which transformers opens too."""
    weights = {name: tensor.to(dtype) for name, tensor in to_hf(gpt).items()}
    config = hf_config(gpt.config) | {"architectures": ["GPT2LMHeadModel"]}
    with whole_folder(folder) as made:
        write_tensors(made / "model.safetensors", weights, {"format": "pt"})
        write_json(made / "config.json", config)


def hf_config(config: GPTConfig) -> dict:
    """The entries of Hugging Face's config.json for a GPT of this size.

    Raises SpamftError for full attention, which their GPT-2 does not have.
    """
    check_causal(config, "Hugging Face's GPT-2")
    end = config.vocab_size - 1  # <|endoftext|> is the last token, as in GPT-2
    sizes = {theirs: getattr(config, ours) for ours, theirs in _SIZES.items()}
    dropouts = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.0)
    return _FIXED | sizes | dropouts | {"bos_token_id": end, "eos_token_id": end}


def from_hf(gpt: GPT, weights: dict[str, Tensor], source: str = "the weights") -> GPT:
    """Change `gpt`: fill it with Hugging Face's GPT-2 tensors, and return it.

    Raises SpamftError, naming them and `source`, for tensors that do not fit.
    """
    LAYOUT.fill(gpt, weights, source)
    return gpt


def to_hf(gpt: GPT) -> dict[str, Tensor]:
    """The exact inverse of `from_hf`, under the names with `transformer.`."""
    return LAYOUT.export(gpt)


def _load_folder(folder: Path) -> GPT:
    config = _read_config(folder / "config.json")
    weights = open_weights(folder)
    if config.n_layers > len(weights):  # before as many are built
        raise SpamftError(
            f"{folder}: config.json says {config.n_layers:,} layers, but there are "
            f"only {len(weights):,} tensors"
        )
    with torch.device("meta"):
        gpt = GPT(config)
    return from_hf(gpt, weights, str(folder))


def _read_config(path: Path) -> GPTConfig:
    if not path.exists():
        raise SpamftError(f"{path} is missing: a model folder needs a config.json")
    theirs = read_json(path)
    try:
        sizes = {ours: theirs[name] for ours, name in _SIZES.items()}
        config = GPTConfig(**sizes)
    except KeyError as error:
        raise SpamftError(f"{path}: GPT-2's entry {error} is missing") from None
    except SpamftError as error:
        raise SpamftError(f"{path}: not a GPT-2 config: {brief(error)}") from None
    wanted = _FIXED | {"n_inner": 4 * sizes["emb_dim"]}
    for name, value in wanted.items():
        found = theirs.get(name)
        if found is not None and found != value:
            what = brief(repr(found))
            raise SpamftError(
                f"{path}: {name} is {what}, but spamft's GPT has {value!r}"
            )
    return config


GPT2 = Architecture(
    GPTConfig,
    GPT,
    _load_folder,
    HuggingFace(LAYOUT, hf_config, "GPT2ForSequenceClassification"),
)
