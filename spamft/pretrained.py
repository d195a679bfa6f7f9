"""GPT-2's published weights <-> a gpt.GPT: the Hugging Face hub or a folder.

One table says which of our parameters is which of theirs. Loading reads it
left to right and export reads it right to left, so the two cannot disagree.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from spamft.fetch import DownloadError, reason, sha256
from spamft.gpt import GPT, GPTConfig

__all__ = [
    "BLOCK_NAMES",
    "PUBLISHED",
    "TINY",
    "Published",
    "from_hf",
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

TINY = Path(__file__).parent / "assets" / "tiny"  # this package's own small GPT

# ours, theirs, transposed? (OpenAI stored its linear layers as input x output)
_TOP = [
    ("tok_emb", "wte", False),
    ("pos_emb", "wpe", False),
    ("final_norm", "ln_f", False),
]
BLOCK_NAMES = [
    ("norm_1", "ln_1", False),
    ("attention.qkv", "attn.c_attn", True),
    ("attention.out", "attn.c_proj", True),
    ("norm_2", "ln_2", False),
    ("mlp.up", "mlp.c_fc", True),
    ("mlp.down", "mlp.c_proj", True),
]
_PREFIX = "transformer."  # theirs have it or not, by who saved them
# Causal masks that old checkpoints carry as if they were weights
_MASKS = (".attn.bias", ".attn.masked_bias")

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


def load_gpt2(name_or_folder: str | Path) -> GPT:
    """OpenAI's GPT-2 by name, "tiny", or a GPT-2 in a folder of Hugging Face's layout.

    "tiny" is the package's own. Other names are those of PUBLISHED and go through
    huggingface_hub: its cache, its progress bar, HF_ENDPOINT and HF_HUB_OFFLINE. A
    folder holds `config.json` and `model.safetensors`, or shards with their index.
    Dropout is 0 as in the lecture. float32 weights stay memory-mapped: the file is
    the only copy.

    Raises DownloadError where the hub has no answer, ValueError for a folder that
    is not a GPT-2, with the file and the tensor.
    """
    if str(name_or_folder) in PUBLISHED:
        return _load_folder(_download(str(name_or_folder)))
    folder = TINY if name_or_folder == "tiny" else Path(name_or_folder)
    if not folder.is_dir():
        raise ValueError(
            f"no model {str(name_or_folder)!r}: expected tiny, {', '.join(PUBLISHED)} "
            "or a folder with config.json and model.safetensors"
        )
    return _load_folder(folder)


def save_gpt2(gpt: GPT, folder: Path | str, dtype: torch.dtype = torch.float32) -> None:
    """Write `config.json` and `model.safetensors`, which transformers opens too."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.to(dtype) for name, tensor in to_hf(gpt).items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = hf_config(gpt.config) | {"architectures": ["GPT2LMHeadModel"]}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def hf_config(config: GPTConfig) -> dict:
    """The entries of Hugging Face's config.json for a GPT of this size."""
    end = config.vocab_size - 1  # <|endoftext|> is the last token, as in GPT-2
    sizes = {theirs: getattr(config, ours) for ours, theirs in _SIZES.items()}
    dropouts = dict.fromkeys(("attn_pdrop", "embd_pdrop", "resid_pdrop"), 0.0)
    return _FIXED | sizes | dropouts | {"bos_token_id": end, "eos_token_id": end}


def from_hf(gpt: GPT, weights: dict[str, Tensor], source: str = "the weights") -> GPT:
    """Fill `gpt` with Hugging Face GPT-2 tensors, and return it.

    Tensors that need no transposing, cast or copy are taken as they are. Raises
    ValueError, naming them and `source`, for missing, extra and misshaped ones.
    """
    weights = {
        name.removeprefix(_PREFIX): tensor
        for name, tensor in weights.items()
        if not name.endswith(_MASKS)
    }
    if (untied := weights.pop("lm_head.weight", None)) is not None:
        tied = weights.get("wte.weight")
        if tied is not None and not torch.equal(untied, tied):
            raise ValueError(
                f"{source}: lm_head.weight differs from wte.weight, but GPT-2 uses "
                "one matrix for both"
            )
    pairs, expected = list(_pairs(gpt)), gpt.state_dict()
    problems = [f"missing {theirs}" for _, theirs, _ in pairs if theirs not in weights]
    known = {theirs for _, theirs, _ in pairs}
    problems += [f"extra {theirs}" for theirs in weights if theirs not in known]
    ours_to_tensor = {}
    for ours, theirs, flip in pairs:
        if theirs in weights:
            tensor = weights[theirs].T if flip else weights[theirs]
            if tensor.shape != expected[ours].shape:
                shape = expected[ours].T.shape if flip else expected[ours].shape
                problems.append(
                    f"{theirs} has shape {tuple(weights[theirs].shape)}, "
                    f"expected {tuple(shape)}"
                )
            ours_to_tensor[ours] = tensor.float()
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise ValueError(f"{source}: {'; '.join(problems[:5])}{more}")
    gpt.load_state_dict(ours_to_tensor, assign=True)
    return gpt


def to_hf(gpt: GPT) -> dict[str, Tensor]:
    """The exact inverse of `from_hf`, under the names with `transformer.`."""
    weights = gpt.state_dict()
    return {
        _PREFIX + theirs: (weights[ours].T if flip else weights[ours]).contiguous()
        for ours, theirs, flip in _pairs(gpt)
    }


def _pairs(gpt: GPT) -> Iterator[tuple[str, str, bool]]:
    """(our name, their name, transposed?) for every parameter of `gpt`."""
    table = _TOP + [
        (f"blocks.{i}.{ours}", f"h.{i}.{theirs}", flip)
        for i in range(gpt.config.n_layers)
        for ours, theirs, flip in BLOCK_NAMES
    ]
    names = set(gpt.state_dict())
    for ours, theirs, flip in table:
        for kind in ("weight", "bias"):
            if f"{ours}.{kind}" in names:
                yield f"{ours}.{kind}", f"{theirs}.{kind}", flip and kind == "weight"


def _load_folder(folder: Path) -> GPT:
    config = _read_config(folder / "config.json")
    with torch.device("meta"):
        gpt = GPT(config)
    with ExitStack() as stack:
        weights = {}
        for path in _weight_files(folder):
            try:
                file = stack.enter_context(safe_open(path, framework="pt"))
                weights |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            except (SafetensorError, OSError) as error:
                raise ValueError(f"{path}: not a safetensors file: {error}") from error
        return from_hf(gpt, weights, str(folder))


def _read_config(path: Path) -> GPTConfig:
    if not path.exists():
        raise ValueError(f"{path} is missing: a model folder needs a config.json")
    try:
        theirs = json.loads(path.read_text(encoding="utf-8"))
        sizes = {ours: int(theirs[name]) for ours, name in _SIZES.items()}
        config = GPTConfig(**sizes)
    except KeyError as error:
        raise ValueError(f"{path}: expected the entry {error} of a GPT-2") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: not a GPT-2 config: {error}") from None
    wanted = _FIXED | {"n_inner": 4 * sizes["emb_dim"]}
    for name, value in wanted.items():
        found = theirs.get(name)
        if found is not None and found != value:
            raise ValueError(
                f"{path}: {name} is {found!r}, but spamft's GPT has {value!r}"
            )
    return config


def _weight_files(folder: Path) -> list[Path]:
    single, index = (
        folder / "model.safetensors",
        folder / "model.safetensors.index.json",
    )
    if single.exists():
        return [single]
    if not index.exists():
        raise ValueError(f"{folder} holds neither {single.name} nor {index.name}")
    try:
        shards = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError):
        raise ValueError(f"{index}: expected an entry 'weight_map'") from None
    for shard in shards:
        if Path(shard).name != shard or not (folder / shard).exists():
            raise ValueError(f"{index} names {shard!r}, which is not in the folder")
    return [folder / shard for shard in shards]


def _download(name: str) -> Path:
    """Have the two files of a published model in the hub's cache; return the folder."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    repository, published = f"openai-community/{name}", PUBLISHED[name]
    where = {"repo_id": repository, "revision": published.revision}
    cached = try_to_load_from_cache(filename="model.safetensors", **where)
    try:
        config = hf_hub_download(filename="config.json", etag_timeout=5, **where)
        weights = hf_hub_download(filename="model.safetensors", etag_timeout=5, **where)
    except Exception as error:  # huggingface_hub's, httpx's and the system's own
        raise DownloadError(
            f"could not download {repository} from the Hugging Face hub\n"
            f"  {reason(error)}\n"
            f"by hand: put config.json and model.safetensors of\n"
            f"  https://huggingface.co/{repository}/tree/{published.revision}\n"
            "  into a folder and give its path instead of the name; behind a mirror "
            "set HF_ENDPOINT"
        ) from error
    if not isinstance(cached, str) and published.sha256 not in (
        None,
        digest := sha256(Path(weights)),
    ):
        for path in (Path(weights).resolve(), Path(weights)):
            path.unlink(missing_ok=True)  # lest the next call find it in the cache
        raise DownloadError(
            f"{repository}'s model.safetensors came with SHA-256 {digest},\n"
            f"  expected {published.sha256}; it is deleted: try again"
        )
    return Path(config).parent
