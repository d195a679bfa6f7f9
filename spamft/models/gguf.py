"""A GGUF file -> a Llama and its tokenizer; the numbers are read by the `gguf` package.

Weights there are often kept in 4 to 8 bits. They are made float32 again: smaller on the
disk, not in memory. Queries and keys lie there in another order of rows, for a rotation
of neighbouring pairs; ours, as Hugging Face's, pairs channel i with i + D/2.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tiktoken
import torch
from torch import Tensor

from spamft.models.llama import Llama, LlamaConfig
from spamft.models.llama_files import fill_llama
from spamft.models.vocabulary import PATTERNS, Vocabulary, bytes_of
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError

__all__ = ["is_gguf", "open_gguf"]

ORDINARY = 1  # a token's kind in the file; others are control tokens
# Of numbers: those that were tried
KINDS = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q6_K")

_TOP = {"token_embd": "embed_tokens", "output_norm": "norm", "output": "lm_head"}
_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def is_gguf(path: Path) -> bool:
    """Whether the file begins like a GGUF file."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def open_gguf(path: Path) -> tuple[Llama, tiktoken.Encoding]:
    """The model and the tokenizer in a GGUF file.

    Raises SpamftError for a damaged file, another architecture, a tokenizer or a kind
    of numbers that is not known.
    """
    reader = _open(path)
    try:
        config = _config(reader)
        weights = dict(_weights(reader, config))
        tokenizer = _tokenizer(reader, path)
    except SpamftError as error:
        raise SpamftError(f"{path}: {brief(error)}") from error
    except Exception as error:  # the package's, numpy's: the file is not what it says
        raise SpamftError(f"{path} is damaged: {brief(repr(error))}") from error
    return fill_llama(config, weights, str(path)), tokenizer


def _open(path: Path):
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise SpamftError(
            f"{path}: to read GGUF files, install gguf: pip install 'spamft[gguf]'"
        ) from error
    if not is_gguf(path):
        raise SpamftError(f"{path} is no GGUF file")
    try:
        return GGUFReader(path)
    except Exception as error:
        raise SpamftError(f"{path} is damaged: {brief(repr(error))}") from error


def _field(reader, name: str) -> Any:
    field = reader.get_field(name)
    if field is None:
        raise SpamftError(f"its entry {name} is missing")
    return field.contents()


def _config(reader) -> LlamaConfig:
    kind = _field(reader, "general.architecture")
    if kind != "llama":
        raise SpamftError(f"its architecture {kind!r} is not llama")
    names = {tensor.name for tensor in reader.tensors}

    def read(name: str) -> Any:
        return _field(reader, f"llama.{name}")

    if reader.get_field("llama.rope.scaling.type") is not None:
        raise SpamftError("its positions are scaled, which is unknown")
    return LlamaConfig(
        vocab_size=len(_field(reader, "tokenizer.ggml.tokens")),
        context_length=int(read("context_length")),
        emb_dim=int(read("embedding_length")),
        n_layers=int(read("block_count")),
        n_heads=int(read("attention.head_count")),
        n_kv_heads=int(read("attention.head_count_kv")),
        hidden_dim=int(read("feed_forward_length")),
        rope_base=float(read("rope.freq_base")),
        # a float32 there: 1e-05 and not 9.999999747378752e-06
        norm_eps=float(f"{read('attention.layer_norm_rms_epsilon'):.6g}"),
        tied="output.weight" not in names,
    )


def _weights(reader, config: LlamaConfig) -> Iterator[tuple[str, Tensor]]:
    """(Hugging Face's name, tensor) of all that the file holds."""
    from gguf.quants import dequantize

    heads = {"attn_q": config.n_heads, "attn_k": config.n_kv_heads}
    for each in reader.tensors:
        if each.name == "rope_freqs.weight":
            continue
        kind = each.tensor_type.name
        if kind not in KINDS:
            raise SpamftError(
                f"{each.name} is of the kind {kind}, not {', '.join(KINDS)}"
            )
        # their shapes run from the last axis to the first
        shape = tuple(map(int, reversed(each.shape)))
        numbers = dequantize(each.data, each.tensor_type).astype(np.float32, copy=False)
        tensor = torch.from_numpy(np.array(numbers)).reshape(shape)
        part = each.name.removesuffix(".weight").rpartition(".")[2]
        if part in heads:
            tensor = _in_halves(tensor, heads[part])
        yield _their_name(each.name), tensor


def _their_name(name: str) -> str:
    parts = name.removesuffix(".weight").split(".")
    if len(parts) == 3 and parts[0] == "blk" and parts[2] in _BLOCK:
        return f"layers.{parts[1]}.{_BLOCK[parts[2]]}.weight"
    if len(parts) == 1 and parts[0] in _TOP:
        return f"{_TOP[parts[0]]}.weight"
    raise SpamftError(f"{brief(name)} is no tensor of a llama")


def _in_halves(weight: Tensor, heads: int) -> Tensor:
    """Rows for a rotation of neighbours -> rows for a rotation of i with i + D/2."""
    rows, channels = weight.shape
    pairs = weight.view(heads, rows // heads // 2, 2, channels)
    return pairs.transpose(1, 2).reshape(rows, channels)


def _tokenizer(reader, path: Path) -> tiktoken.Encoding:
    """Byte-level BPE whose merges ascend with the ids."""
    kind = _field(reader, "tokenizer.ggml.pre")
    if _field(reader, "tokenizer.ggml.model") != "gpt2" or kind not in PATTERNS:
        raise SpamftError(f"its tokenizer {kind!r} is not one of {', '.join(PATTERNS)}")
    tokens = _field(reader, "tokenizer.ggml.tokens")
    kinds = _field(reader, "tokenizer.ggml.token_type")
    ranks, special = {}, {}
    for number, (token, of) in enumerate(zip(tokens, kinds, strict=True)):
        if of == ORDINARY:
            ranks[bytes_of(token)] = number
        else:
            special[token] = number
    template = reader.get_field("tokenizer.chat_template")
    chat = template.contents() if template else None
    return Vocabulary(ranks, special, kind, chat).encoding(str(path))
