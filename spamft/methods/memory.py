"""What finetuning costs in bytes: computed before it starts, measured while it runs.

    weights        4 bytes per number, 0.516 where they are NF4
    gradients      4 for each number that trains
    optimizer      8 for each number that trains: AdamW's two averages
    activations    what the forward pass keeps for the backward one

All in float32, for this package's GPT with a class head on the last real token.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spamft.classifier import GPTClassifier
from spamft.gpt import GPT, GPTConfig
from spamft.methods.lora import lora_layers
from spamft.methods.method import Method, method_named
from spamft.methods.task import Task
from spamft.plumbing.errors import SpamftError
from spamft.trunk import TrainablePart, find_cut

__all__ = ["Memory", "measure_memory", "plan_memory"]


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


def plan_memory(
    config: GPTConfig,
    method: str | Method,
    *,
    num_classes: int = 2,
    batch_size: int = 8,
    tokens: int = 64,
) -> Memory:
    """Count for a batch of `batch_size` messages of `tokens` each; nothing is made.

    For methods with a class head on the last real token; raises SpamftError for others.
    """
    task = Task(tuple(map(str, range(num_classes))), config.context_length)
    with torch.device("meta"):
        model = method_named(method).attach(GPT(config), task, 0)
    if not isinstance(model, GPTClassifier) or model.pooling != "last_real":
        raise SpamftError(
            f"{method_named(method).name} has no class head on the last real token, so "
            "its memory is not planned"
        )
    trained = _bytes(p for p in model.parameters() if p.requires_grad)
    activations = _activations(model, batch_size, tokens)
    return Memory(_held(model), trained, 2 * trained, activations)


def measure_memory(model: GPTClassifier, ids: Tensor, lengths: Tensor) -> Memory:
    """Take one AdamW step of no length on (B, T) `ids`, and count what it held."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0)
    held = [*model.parameters(), *model.buffers()]
    own = {t.untyped_storage().data_ptr() for t in held}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = TrainablePart(model).train()(ids, lengths)
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


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _activations(model: GPTClassifier, batch_size: int, tokens: int) -> int:
    """Bytes that autograd keeps, tensor by tensor; one letter per size as in gpt.py.

    A whole block keeps 16 numbers per token and channel: what enters the norms (2) and
    leaves them (2), query, key and value (3), what attention gathered (1), and the
    MLP's hidden layer before and after GELU (8). The last block is whole only up to
    key and value (4); the rest of it is computed for one token per message. LoRA's
    layers give query, key and value together, so there it is 5, and 3 for the one.
    """
    config, cut = model.gpt.config, find_cut(model)
    C, H = config.emb_dim, config.n_heads
    B, T, N = batch_size, tokens, batch_size * tokens
    if cut == config.n_layers:
        return 4 * B * C  # what the head reads
    ranks = {layer.rank for layer in lora_layers(model).values()}
    r = max(ranks, default=0)
    # and the norms' mean and deviation, attention's sums, LoRA's thin products
    block = 16 * N * C + (4 + H) * N + 4 * N * r
    if not config.causal:  # which tokens are seen
        block += N
    last = 4 * N * C + 3 * N + B * (15 * C + H + 8)
    if r:
        last += N * (C + r) + B * (2 * C + 4 * r)
    if cut < config.n_layers - 1:  # and which token is read, once more
        last += 2 * B
    # the embeddings keep ids and positions (8 bytes each) if they train; with LoRA
    # nothing below the first update trains, so the first norm keeps nothing
    everything = all(p.requires_grad for p in model.parameters())
    ends = -N * (C + 2) if r else 2 * (N + T) if everything else 0
    return 4 * ((config.n_layers - cut - 1) * block + last + ends)
