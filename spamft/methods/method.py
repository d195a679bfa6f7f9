"""Method: one way to finetune, as a value; and METHODS, all there are by name.

    model = method.attach(gpt, task, seed)          freeze, add layers, a new head
    lessons = method.encode(model, task)    the data as the model takes it
    for record in method.learn(...):                train, or what replaces it

`experiments.finetune` is these three lines with loaders around them, and the comparison
a loop over METHODS. To add a method, write a file with a Method beside this one and
give it a line here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from torch import nn

from spamft.methods.features import regress
from spamft.methods.heads import ClassHead, RandomWeights, WithLoRA, encode_messages
from spamft.methods.instruct import Prompted, encode_prompts
from spamft.methods.task import Lessons, Task
from spamft.models.architectures import architecture_of
from spamft.models.backbone import LARGE, LAST_BLOCKS, Backbone
from spamft.plumbing.errors import SpamftError
from spamft.train import Record, TrainConfig, train

__all__ = ["METHODS", "Method", "Recipe", "describe", "method_named"]


@dataclass(frozen=True)
class Recipe:
    """Training settings by the model: a small one takes larger steps.

    GPT-2's rate for the last block is the lecture's. Those of small models come from a
    search with the bundled GPT on splits of other seeds than any published figure's.
    """

    small: float  # learning rate
    large: float  # of GPT-2's published sizes, and of what has none of its own
    part: str | None = None  # what trains, where an architecture has a rate of its own

    def __call__(self, model: Backbone) -> TrainConfig:
        if sum(p.numel() for p in model.parameters()) <= LARGE:
            return TrainConfig(lr=self.small, warmup_steps=50, clip_norm=1.0)
        own = architecture_of(model.config).rates if self.part else {}
        return TrainConfig(lr=own.get(self.part, self.large), clip_norm=1.0)


@dataclass(frozen=True)
class Method:
    """One way to make a GPT learn a task: what is added, what trains, how fast."""

    name: str  # for tables; the key in METHODS is the command line's
    attach: Callable[[Backbone, Task, int], nn.Module]  # the GPT given is not changed
    recipe: Callable[[Backbone], TrainConfig]  # settings, by the model
    encode: Callable[..., Lessons] = encode_messages
    learn: Callable[..., Iterator[Record]] = train
    # those of TrainConfig that `learn` uses
    settings: tuple[str, ...] = tuple(f.name for f in fields(TrainConfig))


def learn_nothing(*args: Any) -> Iterator[Record]:
    """A `train` with no steps: the model is used as it is."""
    yield from ()


def _ask(name: str, shots: int) -> Method:
    recipe = Recipe(1e-3, 1e-4)
    return Method(name, Prompted(shots), recipe, encode_prompts, learn_nothing, ())


METHODS: dict[str, Method] = {
    "head": Method("head only", ClassHead("head"), Recipe(5e-3, 5e-4)),
    "features": Method(
        "frozen features + logistic regression",
        # with the bundled GPT and SmolLM2 the vectors there scored higher than the last
        ClassHead("head", pooling="mean", depth=0.6),
        Recipe(1e-3, 1e-3),
        learn=regress,
        settings=("class_weights",),
    ),
    "last_block": Method(
        "last block", ClassHead("last_block"), Recipe(1e-3, 5e-5, LAST_BLOCKS)
    ),
    "last_two_blocks": Method(
        "last two blocks",
        ClassHead("last_two_blocks"),
        Recipe(1e-3, 5e-5, LAST_BLOCKS),
    ),
    "full": Method("full", ClassHead("all"), Recipe(3e-4, 5e-5)),
    "random": Method(
        "random weights, full", RandomWeights(ClassHead("all")), Recipe(3e-4, 5e-5)
    ),
    "lora-4": Method("LoRA, r = 4", WithLoRA(4), Recipe(2e-3, 2e-4)),
    "lora-16": Method("LoRA, r = 16", WithLoRA(16), Recipe(1e-3, 2e-4)),
    "qlora-16": Method(
        "QLoRA, r = 16", WithLoRA(16, in_4_bits=True), Recipe(1e-3, 2e-4)
    ),
    "instructions": Method(
        "instructions, LoRA r = 16",
        WithLoRA(16, on=Prompted()),
        Recipe(1e-3, 2e-4),
        encode=encode_prompts,
    ),
    "zero-shot": _ask("zero-shot prompt", 0),
    "few-shot": _ask("few-shot prompt (4)", 4),
}


def method_named(method: str | Method) -> Method:
    """The method of that name in METHODS; a Method is returned as it is."""
    if isinstance(method, Method):
        return method
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise SpamftError(f"unknown method {method!r}: choose from {known}")
    return METHODS[method]


def describe(value: Any) -> Any:
    """A method, or a part of one, as JSON: equal only if it does the same.

    A function is described by where it is defined.
    """
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: describe(getattr(value, f.name)) for f in fields(value)}
        return {"type": type(value).__qualname__} | parts
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    return value
