"""What pretraining asks of a GPT: at each token, the next one."""

import math

from spamft.diagrams import examples
from spamft.diagrams.drawing import LEFT, Diagram
from spamft.diagrams.examples import NextTokens
from spamft.diagrams.letters import NORMAL, fitted
from spamft.plumbing.errors import SpamftError

__all__ = ["next_token"]

MOST = 13  # tokens below each other


def next_token(example: NextTokens | None = None) -> Diagram:
    """At each token the model predicts the next; the loss is the mean of -ln p."""
    tokens, chances = example or examples.next_tokens_of_a_sentence()
    possible = all(0 < chance <= 1 for chance in chances)
    if not (1 <= len(chances) == len(tokens) - 1 < MOST and possible):
        raise SpamftError(
            f"{len(tokens)} tokens and {len(chances)} chances: give at most {MOST} "
            "tokens, and a chance above 0 for each but the first"
        )
    losses = [abs(math.log(chance)) for chance in chances]  # -ln p, and no -0.0
    loss, bottom = sum(losses) / len(losses), 78 + 34 * len(chances)
    likeliest = max(range(len(chances)), key=chances.__getitem__)
    drawing = Diagram(
        "next_token",
        "Each token predicts the next",
        f"A text of {len(tokens)} tokens. At each, having read it and those before, "
        f"the model gives a probability to the token that follows: {tokens[1]} "
        f"{chances[0]:.1%}, and most, {chances[likeliest]:.1%}, to "
        f"{tokens[likeliest + 1]}. The loss is the mean of -ln p, {loss:.2f} nats per "
        "token.",
        bottom + 64,
    )
    heads = ((71, "has read up to"), (207, "what follows"), (366, "p"), (438, "-ln p"))
    for x, head in heads:
        drawing.note(x, 60, head, "middle")
    for i, (chance, nats) in enumerate(zip(chances, losses, strict=True)):
        y = 76 + 34 * i
        drawing.box(LEFT, y, 110, 28, fitted(tokens[i], 102, NORMAL))
        drawing.arrow((126, y + 14), (152, y + 14))
        after = fitted(tokens[i + 1], 102, NORMAL)
        drawing.box(152, y, 110, 28, after, color="orange")
        drawing.box(
            276, y + 5, max(round(50 * chance), 1), 18, color="orange", radius=0
        )
        drawing.text(388, y + 14, f"{chance:.1%}", anchor="end")
        drawing.text(456, y + 14, f"{nats:.2f}", anchor="end")
    drawing.note(
        *(LEFT, bottom + 16),
        f"The loss is the mean of the last column: {loss:.2f} nats per token.\n"
        "Pretraining changes the weights until it is low.",
    )
    return drawing
