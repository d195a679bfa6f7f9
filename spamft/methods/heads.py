"""A class head on a GPT: the lecture's method of finetuning, and those beside it.

Each is a value: called with a GPT, a Task and a seed, it gives the model to train. The
GPT is not changed; what does not train is shared with it.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from spamft.classifier import GPTClassifier, set_trainable
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.nf4 import quantize_linears
from spamft.methods.task import Lessons, Task
from spamft.models.backbone import Backbone
from spamft.trunk import cache_trunk

__all__ = [
    "ClassHead",
    "RandomWeights",
    "WithLoRA",
    "encode_messages",
    "lower_blocks",
    "sharing_copy",
]


def sharing_copy(gpt: Backbone) -> Backbone:
    """A copy with its own parameters, frozen, that share their storage with `gpt`."""
    memo: dict = {id(t): t for t in gpt.buffers()}
    for parameter in gpt.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False)
    return copy.deepcopy(gpt, memo)


def lower_blocks(gpt: Backbone, share: float) -> Backbone:
    """Change `gpt`: drop the blocks above the given share of them, rounded up."""
    kept = math.ceil(share * len(gpt.blocks))
    del gpt.blocks[kept:]
    gpt.config = replace(gpt.config, n_layers=kept)
    return gpt


@dataclass(frozen=True)
class ClassHead:
    """A class head; `scope` decides what trains, as in `set_trainable`."""

    scope: str
    pooling: str = "last_real"
    depth: float = 1.0  # the share of the blocks, from below, that the head stands on

    def __call__(self, gpt: Backbone, task: Task, seed: int) -> GPTClassifier:
        model = GPTClassifier(
            lower_blocks(sharing_copy(gpt), self.depth),
            task.label_names,
            task.pooling or self.pooling,
            max_length=task.max_length,
            seed=seed,
        )
        set_trainable(model, self.scope)
        for parameter in model.parameters():
            if parameter.requires_grad:  # training must not change the GPT given
                parameter.data = parameter.data.clone()
        return model


@dataclass(frozen=True)
class WithLoRA:
    """What `on` makes, frozen but for its head, with LoRA in its blocks."""

    rank: int
    in_4_bits: bool = False  # the frozen matrices; then it is QLoRA
    on: Callable[[Backbone, Task, int], nn.Module] = ClassHead("head")

    def __call__(self, gpt: Backbone, task: Task, seed: int) -> nn.Module:
        model = self.on(gpt, task, seed)
        if self.in_4_bits:
            quantize_linears(model)
        also = ("head",) if hasattr(model, "head") else ()
        config = LoRAConfig(self.rank, alpha=2 * self.rank, also=also)
        add_lora(model, config, seed=seed)
        return model


@dataclass(frozen=True)
class RandomWeights:
    """What `on` makes of a GPT of the same size that nobody pretrained."""

    on: Callable[[Backbone, Task, int], nn.Module]

    def __call__(self, gpt: Backbone, task: Task, seed: int) -> nn.Module:
        fresh = type(gpt)(gpt.config, seed=seed)
        return self.on(fresh.to(next(gpt.parameters()).device), task, seed)


def encode_messages(
    model: GPTClassifier,
    task: Task,
    *,
    progress: bool = False,
    log: Callable[[str], None] | None = None,
) -> Lessons:
    """Messages and their class ids, the frozen blocks run once where there are any."""
    learner, parts = cache_trunk(
        model,
        task.encoded,
        keep=task.keep,
        progress=progress,
        log=log,
    )
    return Lessons(learner, parts.train, parts.validation, learner, parts)
