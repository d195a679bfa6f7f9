"""What an explanation of one message is, and how it is shown."""

import html
from dataclasses import dataclass

from spamft.plumbing.display import visible

__all__ = ["Explanation"]

# plots.ORANGE and plots.BLUE, written out: importing them would load matplotlib
FOR, AGAINST = "232,135,30", "59,111,212"


@dataclass(frozen=True, repr=False)
class Explanation:
    """How much each token contributed to the score of `label`."""

    tokens: tuple[str, ...]
    contributions: tuple[float, ...]  # one per token, in logits
    label: str
    score: float  # of the whole message
    baseline: float  # score of a message without anything in it

    def __str__(self) -> str:
        """The tokens, a mark for every half logit, + for the label and - against it."""
        marks = []
        for token, c in zip(self.tokens, self.contributions, strict=True):
            count = min(6, round(abs(c) * 2))  # more would hide the words
            marks.append(visible(token.strip()) + ("+" if c > 0 else "-") * count)
        return f"{visible(self.label)} {self.score:+.2f}: {' '.join(marks)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Orange speaks for the label, blue against it; the number is in the title."""
        most = max(map(abs, self.contributions)) or 1.0
        parts = []
        for token, c in zip(self.tokens, self.contributions, strict=True):
            shown = visible(token, keep="\n\t")  # which the page lays out as they are
            color = f"{FOR if c > 0 else AGAINST},{abs(c) / most:.2f}"
            parts.append(
                f'<span style="background: rgba({color})" title="{c:+.2f}">'
                f"{html.escape(shown)}</span>"
            )
        label = html.escape(visible(self.label))
        return (
            f"<p><b>{label} {self.score:+.2f}</b></p>"
            f'<p style="white-space: pre-wrap; line-height: 1.8">{"".join(parts)}</p>'
        )
