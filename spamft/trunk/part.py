"""A model -> the part of it that trains, and of its last block only what is read.

Shapes: B batch, T tokens, C channels, K classes.
"""

import torch
from torch import Tensor, nn

from spamft.classifier import POOLINGS, GPTClassifier
from spamft.models.attention import run_blocks
from spamft.plumbing.errors import SpamftError
from spamft.trunk.plan import TrunkPlan

__all__ = ["TrainablePart", "find_cut", "last_token", "read"]


def last_token(
    block: nn.Module, x: Tensor, positions: Tensor, mask: Tensor | None = None
) -> Tensor:
    """(B, T, C), (B,) -> (B, C): `block(x)[rows, positions]` at less cost.

    The query, output and MLP are needed only of the token that is read. A block without
    `gather_for` is computed whole. `mask` says what is seen, if attention is not
    causal, as in `run_blocks`.
    """
    rows = torch.arange(len(x), device=x.device)
    if not hasattr(block, "gather_for"):
        return block(x)[rows, positions]
    if mask is None:
        before = torch.arange(x.shape[1], device=x.device) <= positions[:, None]
        mask = before[:, None, None]  # (B, 1, 1, T)
    return block.finish(x[rows, positions], block.gather_for(x, positions, mask))


class TrainablePart(nn.Module):
    """The part of `model` after its first `cut` blocks; it shares the parameters.

    With cut 0 that is all of it, and it takes token ids as the model does.
    """

    def __init__(
        self, model: GPTClassifier, cut: int = 0, plan: TrunkPlan | None = None
    ):
        super().__init__()
        self.model, self.cut, self.plan = model, cut, plan

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Token ids (B, T), hidden states (B, T, C) or, for the head alone, (B, C),
        -> (B, K) class logits."""
        if self.training and find_cut(self.model) < self.cut:
            raise SpamftError(
                "a parameter below the cached hidden states trains: cache them again"
            )
        if not x.is_floating_point():
            x = self.model.gpt.embed(x)
        if x.dim() == 3:
            x = read(self.model, x, lengths, self.cut)
        return self.model.head(x)


def read(model: GPTClassifier, x: Tensor, lengths: Tensor, start: int = 0) -> Tensor:
    """(B, T, C), what enters block `start`, -> (B, C), what the head reads."""
    *blocks, last = model.gpt.blocks[start:]
    pooling, mask = POOLINGS[model.pooling], model.mask(lengths, x.shape[1])
    x = run_blocks(blocks, x, mask)
    if pooling.position is None:
        x = run_blocks([last], x, mask)
        return pooling.read(model.gpt.final_norm(x), lengths)
    positions = pooling.position(lengths, x.shape[1])
    return model.gpt.final_norm(last_token(last, x, positions, mask))


def find_cut(model: GPTClassifier) -> int:
    """The number of blocks before the first parameter that trains.

    0 if the embedding or the first block trains; the number of blocks if the head
    alone does, and then the final norm belongs to the trunk too.
    """
    gpt = model.gpt
    above = [*gpt.blocks, gpt.final_norm]
    inside = {id(p) for part in above for p in part.parameters()}
    if any(p.requires_grad for p in gpt.parameters() if id(p) not in inside):
        return 0
    for number, part in enumerate(above):
        if any(p.requires_grad for p in part.parameters()):
            return min(number, len(gpt.blocks) - 1)
    return len(gpt.blocks)
