"""What running the frozen blocks once costs."""

from dataclasses import dataclass

__all__ = ["TrunkPlan"]


@dataclass(frozen=True)
class TrunkPlan:
    """What a trunk pass costs, known before it starts."""

    blocks: int  # that run once
    messages: int  # distinct token sequences
    tokens: int  # of these, with the padding that the model is meant to see
    padded: int  # tokens that are computed, the padding of batches included
    bytes: int  # of hidden states to keep
    flops: int  # of the whole blocks' matrix products: two per weight and token
    seconds: float | None = None  # of the pass, after it

    def __str__(self) -> str:
        if not self.blocks:
            return "trunk: the first block trains, so nothing is cached"
        waste = 1 - self.tokens / self.padded
        return (
            f"trunk: {self.blocks} frozen blocks run once on {self.messages:,} "
            f"distinct messages, {self.tokens:,} tokens ({waste:.1%} padding), "
            f"{self.bytes / 1e6:,.0f} MB to keep"
        )

    @property
    def gflops_per_second(self) -> float | None:
        """The rate of the pass, after it."""
        return self.flops / self.seconds / 1e9 if self.seconds else None
