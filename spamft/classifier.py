"""A GPT with a class head: what it reads, and which of its parameters train.

Shapes: B batch, T tokens, C channels, K classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import tiktoken
import torch
from torch import Tensor, nn

from spamft.batches import encode_texts
from spamft.models.attention import mask_of, run_blocks
from spamft.models.backbone import Backbone
from spamft.plumbing.errors import SpamftError

__all__ = [
    "POOLINGS",
    "GPTClassifier",
    "Pooling",
    "Trainable",
    "set_trainable",
    "what_trains",
]


class Pooling(NamedTuple):
    """How the vectors of a message's tokens become the one that the head reads."""

    read: Callable[[Tensor, Tensor], Tensor]  # (B, T, C), lengths (B,) -> (B, C)
    # (lengths (B,), T) -> (B,), the index of the token, if it is one that is read
    position: Callable[[Tensor, int], Tensor] | None = None
    fixed_width: bool = False  # its answer depends on the padding, which must not vary


def _one_token(position: Callable[[Tensor, int], Tensor], **how: bool) -> Pooling:
    def read(hidden: Tensor, lengths: Tensor) -> Tensor:
        rows = torch.arange(len(hidden), device=hidden.device)
        return hidden[rows, position(lengths, hidden.shape[1])]

    return Pooling(read, position, **how)


def _mean(hidden: Tensor, lengths: Tensor) -> Tensor:
    real = torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]
    return (hidden * real[..., None]).sum(1) / lengths[:, None]


POOLINGS: dict[str, Pooling] = {
    # the last token before the padding
    "last_real": _one_token(lambda lengths, T: lengths - 1),
    # the last column, padding or not: the lecture's
    "last": _one_token(lambda n, T: torch.full_like(n, T - 1), fixed_width=True),
    "first": _one_token(lambda lengths, T: torch.zeros_like(lengths)),
    # the mean over the real tokens
    "mean": Pooling(_mean),
}


class GPTClassifier(nn.Module):
    """Classifies a message from one vector, pooled from those of its tokens.

    If attention is causal, only the last token has seen the whole message. `pooling` is
    one of POOLINGS. `label_names` are the classes in order. `max_length` is the most
    tokens of a message that are read, by default the model's context. The head has a
    `bias` if the final norm has one, into which an export can move it: see
    models/score.py.
    """

    def __init__(
        self,
        gpt: Backbone,
        label_names: Sequence[str] = ("ham", "spam"),
        pooling: str = "last_real",
        *,
        max_length: int | None = None,
        bias: bool | None = None,
        seed: int = 123,
    ):
        super().__init__()
        context = gpt.config.context_length
        self.label_names = tuple(label_names)
        self.pooling = pooling
        self.max_length = context if max_length is None else max_length
        if pooling not in POOLINGS:
            raise SpamftError(f"{pooling=} must be one of {', '.join(POOLINGS)}")
        if len(set(self.label_names)) != len(label_names) or len(label_names) < 2:
            raise SpamftError(
                f"label_names must be at least 2 different ones, not {self.label_names}"
            )
        if not 1 <= self.max_length <= context:
            raise SpamftError(f"{max_length=} must lie in 1..{context}, the context")
        self.gpt = gpt
        if bias is None:
            bias = getattr(gpt.final_norm, "bias", None) is not None
        self.head = nn.Linear(gpt.config.emb_dim, len(self.label_names), bias)
        if not self.head.weight.is_meta:  # a meta model is about to be filled
            bound = gpt.config.emb_dim**-0.5  # nn.Linear's rule, from our own seed
            generator = torch.Generator().manual_seed(seed)
            with torch.no_grad():
                for parameter in self.head.parameters():
                    parameter.uniform_(-bound, bound, generator=generator)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, T) token ids -> (B, K) class logits.

        `lengths` (B,) counts each row's real tokens; without it there is no padding.
        """
        return self.head(self.pool(self.gpt.embed(ids), lengths))

    def pool(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, T, C), what enters the first block, -> (B, C), what the head reads."""
        if lengths is None:
            lengths = torch.full((len(x),), x.shape[1], device=x.device)
        x = run_blocks(self.gpt.blocks, x, self.mask(lengths, x.shape[1]))
        return POOLINGS[self.pooling].read(self.gpt.final_norm(x), lengths)

    def mask(self, lengths: Tensor, width: int) -> Tensor | None:
        """`mask_of` the real tokens; all, where the padding is a part of the input."""
        padded = POOLINGS[self.pooling].fixed_width
        seen = torch.full_like(lengths, width) if padded else lengths
        return mask_of(self.gpt, seen, width)

    def encode(
        self, texts: Sequence[str], tokenizer: tiktoken.Encoding
    ) -> list[list[int]]:
        """The tokens of each text that this model reads."""
        return encode_texts(texts, tokenizer, self.max_length)

    @property
    def width(self) -> int | None:
        """How wide batches must be padded; None if that does not matter."""
        return self.max_length if POOLINGS[self.pooling].fixed_width else None


@dataclass(frozen=True)
class Trainable:
    """Which parameters of a classifier train."""

    parts: tuple[str, ...]
    trained: int  # parameters
    total: int  # parameters

    def __str__(self) -> str:
        if not self.trained:
            return f"none of {self.total:,} parameters train"
        share = self.trained / self.total
        digits = 1 if share >= 0.001 else 3  # a head alone is not 0.0 %
        return (
            f"{self.trained:,} of {self.total:,} parameters train "
            f"({share:.{digits}%}): {', '.join(self.parts)}"
        )


def set_trainable(model: GPTClassifier, scope: str | int) -> Trainable:
    """Change `model`: freeze everything outside `scope`. Returns what trains.

    The scope is "head"; "last_block" or "last_two_blocks", with the final norm and the
    head as in the lecture; a number n for the last n blocks; or "all".
    """
    gpt, layers = model.gpt, len(model.gpt.blocks)
    named = {"head": 0, "last_block": 1, "last_two_blocks": 2}
    count = named.get(scope, scope)
    if scope != "all" and (not isinstance(count, int) or not 0 <= count <= layers):
        raise SpamftError(
            f"cannot train {scope!r}: expected head, last_block, last_two_blocks, "
            f"a number of last blocks up to {layers}, or all"
        )
    model.requires_grad_(scope == "all")
    if scope != "all":
        last = [*gpt.blocks[layers - count :], gpt.final_norm] if count else []
        for part in [*last, model.head]:
            part.requires_grad_(True)
    return what_trains(model)


def what_trains(model: nn.Module) -> Trainable:
    """The parts of a classifier that train, and how many parameters they have."""
    named = dict(model.named_parameters())
    trained = {name: p.numel() for name, p in named.items() if p.requires_grad}
    parts = dict.fromkeys(map(_part_of, trained))
    if len(trained) == len(named):
        parts = ["the whole model"]
    return Trainable(
        tuple(parts), sum(trained.values()), sum(p.numel() for p in named.values())
    )


def _part_of(name: str) -> str:
    """gpt.blocks.3.mlp.up.weight -> block 3."""
    path = name.split(".")
    if "blocks" in path:
        return f"block {path[path.index('blocks') + 1]}"
    named = {"head": "the head", "final_norm": "the final norm"}
    return next((named[part] for part in path if part in named), "the embedding")
