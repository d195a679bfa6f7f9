"""A share that was counted, and where chance may have put it.

Counted(31, 92).estimate    Estimate(share=0.337, low=0.249, high=0.438)
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

from spamft.plumbing.scores import wilson
from spamft.use.verdict import show_share

__all__ = ["Counted", "Estimate"]


class Estimate(NamedTuple):
    """A share in 0..1, with its 95 % interval."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        low, high = show_share(self.low), show_share(self.high)
        return f"{show_share(self.share)} (95 % interval {low} to {high})"


@dataclass(frozen=True)
class Counted:
    """So many messages of so many."""

    count: int
    of: int

    @property
    def estimate(self) -> Estimate:
        """Their share with Wilson's interval, which is 0 to 1 of no messages."""
        share = self.count / self.of if self.of else 0.0
        return Estimate(share, *wilson(self.count, self.of))

    def __str__(self) -> str:
        return f"{self.count:,} of {self.of:,}"

    def to_dict(self) -> dict:
        """The counts and the estimate, for JSON."""
        share, *interval = self.estimate
        return {"share": share, "interval": interval} | asdict(self)
