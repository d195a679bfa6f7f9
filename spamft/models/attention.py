"""Which tokens of a message see which: causal attention, or full.

    causal    a token sees those before it, as a GPT was pretrained
    full      a token sees the whole message, as in BERT

With causal attention no token sees the padding, which stands on the right. With full
attention it has to be hidden, by a mask.

Shapes: B batch, T tokens, C channels.
"""

from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn

from spamft.models.backbone import Backbone
from spamft.plumbing.errors import SpamftError

__all__ = [
    "ATTENTIONS",
    "attention_named",
    "attention_of",
    "mask_of",
    "run_blocks",
    "with_attention",
]

ATTENTIONS = ("causal", "full")


def attention_named(name: str) -> str:
    """The name itself. Raises SpamftError for one that is not in ATTENTIONS."""
    if name not in ATTENTIONS:
        raise SpamftError(f"attention={name!r} must be one of {', '.join(ATTENTIONS)}")
    return name


def attention_of(gpt: Backbone) -> str:
    """Which of ATTENTIONS it has."""
    return "causal" if getattr(gpt.config, "causal", True) else "full"


def with_attention(gpt: Backbone, attention: str) -> Backbone:
    """`gpt` if its attention is such; else a model like it that shares its weights.

    Raises SpamftError for an architecture that is always causal.
    """
    if attention_named(attention) == attention_of(gpt):
        return gpt
    if not hasattr(gpt.config, "causal"):
        raise SpamftError(f"{type(gpt).__name__} is always causal: no full attention")
    with torch.device("meta"):
        other = type(gpt)(replace(gpt.config, causal=attention == "causal"))
    other.load_state_dict(gpt.state_dict(), assign=True)
    return other.train(gpt.training)


def mask_of(gpt: Backbone, lengths: Tensor, width: int) -> Tensor | None:
    """(B, 1, 1, T), True for the first `lengths` (B,) of `width` tokens, which all may
    see; None for a causal `gpt`, where each sees those before it."""
    if attention_of(gpt) == "causal":
        return None
    seen = torch.arange(width, device=lengths.device) < lengths[:, None]  # (B, T)
    return seen[:, None, None]


def run_blocks(blocks: Iterable[nn.Module], x: Tensor, mask: Tensor | None) -> Tensor:
    """(B, T, C) through some blocks of a model, with what `mask_of` gave for it."""
    for block in blocks:
        if mask is None:
            x = block(x)
        else:
            x = block.finish(x, block.gather(*block.project(x), mask))
    return x
