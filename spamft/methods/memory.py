"""What finetuning costs in bytes: computed before it starts, measured while it runs.

    weights        4 bytes a number, 0.516 where they are NF4
    gradients      4 for each number that trains
    optimizer      8 for each number that trains: AdamW's two averages
    activations    what the forward pass keeps for the backward one

All in float32, for this package's GPT with the class head on the last real token.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from spamft.classifier import GPTClassifier, set_trainable
from spamft.gpt import GPT, GPTConfig
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.nf4 import quantize_linears

__all__ = ["Memory", "Way", "measure_memory", "plan_memory", "prepare"]

Way = Literal["full", "last_block", "lora", "qlora"]


@dataclass(frozen=True)
class Memory:
    """Bytes, by what they hold."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations


def prepare(model: GPTClassifier, way: Way, rank: int = 16, *, seed: int = 123) -> None:
    """Make `model` train in this way: freeze, add LoRA, put matrices into 4 bits."""
    if way in ("full", "last_block"):
        set_trainable(model, "all" if way == "full" else way)
    elif way in ("lora", "qlora"):
        if way == "qlora":
            quantize_linears(model)
        add_lora(model, LoRAConfig(rank, alpha=2 * rank), seed=seed)
    else:
        raise ValueError(f"{way=} must be full, last_block, lora or qlora")


def plan_memory(
    config: GPTConfig,
    way: Way,
    *,
    rank: int = 16,
    num_classes: int = 2,
    batch_size: int = 8,
    tokens: int = 64,
) -> Memory:
    """Count for a batch of `batch_size` messages of `tokens` each; nothing is made."""
    with torch.device("meta"):
        model = GPTClassifier(GPT(config), num_classes)
    prepare(model, way, rank)
    trained = _bytes(p for p in model.parameters() if p.requires_grad)
    activations = _activations(config, way, rank, batch_size, tokens)
    return Memory(_held(model), trained, 2 * trained, activations)


def measure_memory(
    model: GPTClassifier, ids: torch.Tensor, lengths: torch.Tensor
) -> Memory:
    """Take one AdamW step on (B, T) `ids`, and count what was held for it."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0)
    own = {
        t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers()]
    }
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = model.train()(ids, lengths)
    logits.sum().backward()
    optimizer.step()
    states = [
        value
        for state in optimizer.state.values()
        for name, value in state.items()
        if name != "step"
    ]
    gradients = _bytes(p.grad for p in trained if p.grad is not None)
    return Memory(_held(model), gradients, _bytes(states), sum(kept.values()))


def _held(model: nn.Module) -> int:
    return _bytes([*model.parameters(), *model.buffers()])


def _bytes(tensors) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _activations(
    config: GPTConfig, way: Way, rank: int, batch_size: int, tokens: int
) -> int:
    """Bytes that autograd keeps, tensor by tensor; one letter a size as in gpt.py.

    A whole block keeps 16 numbers a token and channel: what enters the norms (2) and
    leaves them (2), query, key and value (3), what attention gathered (1), and the
    wide layer before and after its bend (8). The last block is whole only for keys and
    values (4); all else in it is computed for one token of each message.
    """
    L, C, H = config.n_layers, config.emb_dim, config.n_heads
    B, T, N = batch_size, tokens, batch_size * tokens
    r = rank if way in ("lora", "qlora") else 0
    # and the norms' mean and deviation, attention's sums, LoRA's thin products
    block = 16 * N * C + (4 + H) * N + 4 * N * r
    last = 4 * N * C + 3 * N + N * r + B * (15 * C + H + 8 + 4 * r)
    if way == "last_block":
        return 4 * last
    # the embeddings keep ids and positions (8 bytes each) if they train; with LoRA
    # nothing below the first update trains, so the first norm keeps nothing
    ends = -N * (C + 2) if r else 2 * (N + T)
    return 4 * ((L - 1) * block + last + 2 * B + ends)
