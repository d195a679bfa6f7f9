"""GPT-2 and Llama in ONNX's operators, for machines that have no PyTorch.

OPERATORS names, for each architecture, how it embeds tokens and what a block computes:
gpt.py and llama.py once more, an operator a line. Of the last block only what is read
is computed, as in trunk/part.py.

Shapes: B batch, T tokens, Q of them that ask, C channels, G groups of heads, R heads
that share a key, D = C / (G R). In GPT-2 each head has its own key: R is 1.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from spamft.models.graph import Graph
from spamft.models.llama import rotate

__all__ = ["OPERATORS", "Operators"]


class Operators(NamedTuple):
    """How one architecture is written into a Graph."""

    embed: Callable[[Graph, nn.Module], str]  # -> (B, T, C), what enters the first
    # block, its name, x (B, T, C), mask, at -> (B, T, C), or (B, 1, C) with `at` (B, 1)
    block: Callable[[Graph, nn.Module, str, str, str, str | None], str]


def _embed_gpt2(graph: Graph, gpt: nn.Module) -> str:
    tokens = graph.weight("tok_emb.weight", gpt.tok_emb.weight)
    positions = graph.weight("pos_emb.weight", gpt.pos_emb.weight[: graph.most])
    tokens = graph("Gather", tokens, graph.ids, name="tok_emb")
    return graph("Add", tokens, graph("Slice", positions, graph.row(0), graph.width()))


def _gpt2_block(
    graph: Graph, block: nn.Module, name: str, x: str, mask: str, at: str | None
) -> str:
    H, C = block.attention.n_heads, block.attention.out.in_features
    inside = graph.norm(x, f"{name}.norm_1", block.norm_1)
    asking, x = graph.pick(inside, at), graph.pick(x, at)
    weight, bias = block.attention.qkv.weight, block.attention.qkv.bias
    q = graph.linear(asking, f"{name}.attention.query", weight[:C], bias[:C])
    kv = graph.linear(inside, f"{name}.attention.key_value", weight[C:], bias[C:])
    k, v = graph.several(2, "Split", kv, axis=-1, num_outputs=2)
    q, k, v = (graph.heads(part, H) for part in (q, k, v))
    found = graph.gather(q, k, v, mask, C // H)
    x = graph("Add", x, _layer(graph, found, name, "attention.out", block))
    inside = graph.norm(x, f"{name}.norm_2", block.norm_2)
    inside = _layer(graph, inside, name, "mlp.up", block)
    inside = graph("Gelu", inside, approximate="tanh")
    return graph("Add", x, _layer(graph, inside, name, "mlp.down", block))


def _layer(graph: Graph, x: str, name: str, layer: str, block: nn.Module) -> str:
    """The linear layer of this name in a block."""
    inside = block.get_submodule(layer)
    return graph.linear(x, f"{name}.{layer}", inside.weight, inside.bias)


def _embed_llama(graph: Graph, gpt: nn.Module) -> str:
    tokens = graph.weight("tok_emb.weight", gpt.tok_emb.weight)
    return graph("Gather", tokens, graph.ids, name="tok_emb")


def _llama_block(
    graph: Graph, block: nn.Module, name: str, x: str, mask: str, at: str | None
) -> str:
    attention = block.attention
    D, base = attention.head_dim, attention.base
    H, G = attention.query.out_features // D, attention.key.out_features // D
    inside = graph.norm(x, f"{name}.norm_1", block.norm_1)
    asking, x = graph.pick(inside, at), graph.pick(x, at)
    q = graph.heads(_layer(graph, asking, name, "attention.query", block), G, H // G)
    k = graph.heads(_layer(graph, inside, name, "attention.key", block), G)
    v = graph.heads(_layer(graph, inside, name, "attention.value", block), G)
    q, k = _rotate(graph, q, D, base, at), _rotate(graph, k, D, base, None)
    found = graph.gather(q, k, v, mask, D)
    x = graph("Add", x, _layer(graph, found, name, "attention.out", block))
    inside = graph.norm(x, f"{name}.norm_2", block.norm_2)
    gate = _layer(graph, inside, name, "mlp.gate", block)
    gate = graph("Mul", gate, graph("Sigmoid", gate))
    inside = graph("Mul", gate, _layer(graph, inside, name, "mlp.up", block))
    return graph("Add", x, _layer(graph, inside, name, "mlp.down", block))


def _rotate(graph: Graph, x: str, D: int, base: float, at: str | None) -> str:
    """(B, G, R, T, D) turned by the angles of their positions; see llama.rotate."""
    one = torch.ones(1, 1, graph.most, D)
    one[..., D // 2 :] = 0  # (1, 0) turned is the cosine and the sine of the angle
    tables = rotate(one, torch.arange(graph.most), base)[0, 0].chunk(2, -1)
    cos, sin = (
        _angles(graph, graph.weight(name, table), at)
        for name, table in zip(("cosines", "sines"), tables, strict=True)
    )
    first, second = graph.several(2, "Split", x, axis=-1, num_outputs=2)
    turned = (
        graph("Sub", graph("Mul", first, cos), graph("Mul", second, sin)),
        graph("Add", graph("Mul", second, cos), graph("Mul", first, sin)),
    )
    return graph("Concat", *turned, axis=-1)


def _angles(graph: Graph, table: str, at: str | None) -> str:
    """The rows of (most, D / 2) for all T tokens, or for those `at` (B, 1)."""
    if at is None:
        return graph("Slice", table, graph.row(0), graph.width())
    return graph("Unsqueeze", graph("Gather", table, at), graph.row(1, 2))


OPERATORS: dict[str, Operators] = {
    "gpt2": Operators(_embed_gpt2, _gpt2_block),
    "llama": Operators(_embed_llama, _llama_block),
}
