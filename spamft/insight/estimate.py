"""A share that was counted, and where chance may have put it.

Counted(31, 92).estimate    Estimate(share=0.337, low=0.249, high=0.438)
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

from spamft.plumbing.scores import wilson
from spamft.use.verdict import show_share

__all__ = ["Counted", "Estimate"]

MANY = 1000  # messages, of which a tenth of a percent is one


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

    def cell(self) -> str:
        """The share and its interval in percent, for a table; of no messages a dash.

        >>> Counted(31, 92).cell()
        ' 34 (25-44) '
        """
        if not self.of:
            return "-"
        low, high = (_percent(each, self.of) for each in self.estimate[1:])
        return f"{self.percent():>3} {f'({low}-{high})':8}"  # shares stand in line

    def percent(self) -> str:
        """The share alone."""
        return _percent(self.estimate.share, self.of) if self.of else "-"

    def to_dict(self) -> dict:
        """The counts and the estimate, for JSON."""
        share, *interval = self.estimate
        return {"share": share, "interval": interval} | asdict(self)


def _percent(share: float, of: int) -> str:
    """As many digits as so many messages can tell."""
    return f"{100 * share:.{1 if of >= MANY and share < 0.0995 else 0}f}"
