"""What finetuning costs in bytes: computed before it starts, measured while it runs.

    weights        4 bytes per number, 0.516 where they are NF4
    gradients      4 for each number that trains
    optimizer      8 for each number that trains: AdamW's two averages
    activations    what the forward pass keeps for the backward one

All in float32, on the CPU, for a class head on any architecture. Of the activations
there is no formula here: PyTorch runs the forward pass on tensors that have shapes and
no numbers (FakeTensorMode), and what autograd keeps of them is counted, as it is of
real ones. By hand, a whole block of GPT-2 keeps 16 numbers per token and channel: what
enters the norms (2) and leaves them (2), query, key and value (3), what attention
gathered (1), and the MLP's hidden layer before and after GELU (8). One of Llama keeps
11, for it scales in two steps, and copies what attention gathered, less what it spares
where heads share keys and values; to these come 4 per token and hidden channel.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, UntypedStorage, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from spamft.classifier import GPTClassifier
from spamft.methods.method import Method, method_named
from spamft.methods.task import Task
from spamft.models.architectures import architecture_of
from spamft.plumbing.errors import SpamftError
from spamft.trunk import TrainablePart

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
    config: Any,
    method: str | Method,
    *,
    num_classes: int = 2,
    batch_size: int = 8,
    tokens: int = 64,
) -> Memory:
    """Count for a batch of `batch_size` messages of `tokens` each; nothing is made.

    `config` is that of any architecture. Raises SpamftError for methods without a class
    head, and for more tokens than the context has.
    """
    method = method_named(method)
    task = Task(tuple(map(str, range(num_classes))), config.context_length)
    with torch.device("meta"):  # quicker there than in the mode below
        model = method.attach(architecture_of(config).build(config), task, 0)
    if not isinstance(model, GPTClassifier):
        raise SpamftError(f"{method.name} has no class head: its memory is not planned")
    with FakeTensorMode(allow_non_fake_inputs=True):
        model.to_empty(device="cpu")
        ids = torch.zeros(batch_size, tokens, dtype=torch.long)
        lengths = torch.full((batch_size,), tokens)
        logits, activations = _forward(model, ids, lengths)
    trained = _bytes(_reached(logits))
    return Memory(_held(model), trained, 2 * trained, activations)


def measure_memory(model: GPTClassifier, ids: Tensor, lengths: Tensor) -> Memory:
    """Take one AdamW step of no length on (B, T) `ids`, and count what it held."""
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.0)
    logits, activations = _forward(model, ids, lengths)
    logits.sum().backward()
    optimizer.step()
    states = [
        value
        for state in optimizer.state.values()
        for name, value in state.items()
        if name != "step"
    ]
    gradients = _bytes(p.grad for p in trained if p.grad is not None)
    return Memory(_held(model), gradients, _bytes(states), activations)


def _forward(model: GPTClassifier, ids: Tensor, lengths: Tensor) -> tuple[Tensor, int]:
    """The logits, and the bytes that autograd keeps beside the model itself."""
    own = {id(s): s for s in (t.untyped_storage() for t in _tensors(model))}
    kept: dict[int, UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()  # views of one tensor share theirs
        if id(storage) not in own:
            kept[id(storage)] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = TrainablePart(model).train()(ids, lengths)
    return logits, sum(storage.nbytes() for storage in kept.values())


def _reached(logits: Tensor) -> list[Tensor]:
    """The parameters that get a gradient: one that no logit depends on gets none."""
    seen, todo = set(), [logits.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [earlier for earlier, _ in node.next_functions]
    return [node.variable for node in seen if hasattr(node, "variable")]


def _held(model: nn.Module) -> int:
    return _bytes(_tensors(model))


def _tensors(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
