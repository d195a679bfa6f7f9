"""Questions and exercises of notebook 4, inside a GPT."""

import torch

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.gpt import GPTConfig

__all__ = ["EXERCISES", "QUESTIONS"]


def share_of_embedding(answer) -> Law:
    """Which share of GPT-2's parameters is the token embedding, from 0 to 1?"""
    config = GPTConfig()
    V, T, C = config.vocab_size, config.context_length, config.emb_dim
    blocks = config.n_layers * (12 * C**2 + 13 * C)
    total = V * C + T * C + blocks + 2 * C
    return Law(
        V * C / total,
        "50,257 x 768 = 38.6 million of 124.4 million. Another table for the output "
        "would add as many, so GPT-2 uses this one twice.",
        "A vector of C numbers for each of V tokens, divided by count(GPTConfig()).",
        [
            (C / V, "That compares the table's two sides. How many numbers are in it?"),
            (
                V * C / blocks,
                "You divided by the parameters of the blocks: divide by all.",
            ),
        ],
    )


def third_token(answer) -> Law:
    """To how many tokens can the third token attend, itself included?"""
    count, *total = answer if isinstance(answer, tuple | list) else (answer,)
    if total == [100]:  # in percent, as the notebook's table has them
        total = [1]
    return Law(
        (3, 1.0),
        "To the first, the second and itself; softmax makes shares that add up to 1.",
        "Two numbers: how many tokens, and the sum of their shares. Look at "
        "shares[0, 0, 2], the first head's third row.",
        [
            ((2, 1.0), "You left out the token itself, or counted from 0."),
            ((3, 3.0), "Softmax makes shares of one whole, however many there are."),
        ],
        given=(count, *total),
        guess=3,
    )


def without_positions(answer, block, tokens, vectors) -> Law:
    """Without positions, the first two tokens swapped: does the last vector change?"""
    order = [1, 0, *range(2, tokens.shape[1])]
    positions = vectors - tokens
    with torch.no_grad():
        plain = (block(tokens) - block(tokens[:, order])).abs()[0]
        told = block(vectors) - block(tokens[:, order] + positions)
    usual = told.abs()[0, -1].max()
    difference = float(answer)
    return Law(
        0.0,
        "Attention adds up what it gathers, and a sum has no order. It is the position "
        "embedding that tells the first from the second.",
        "block(gpt.tok_emb(ids)) and the same with swapped ids; compare [0, -1].",
        [
            (
                usual,
                "gpt.embed adds the position embedding. Take gpt.tok_emb alone.",
            ),
            (
                plain.max(),
                "The swapped tokens themselves differ, of course. Compare the last.",
            ),
        ],
        given=0.0 if 0 <= difference < usual / 100 else difference,  # but for rounding
        guess="no",
    )


EXERCISES = {
    "1": Exercise(share_of_embedding),
    "2": Exercise(third_token),
    "3": Exercise(without_positions, YES_NO),
}
QUESTIONS = {
    "q1": Question(
        """You double the number of channels, C, and leave the rest. How much larger is
        a block?""",
        right="b",
        a=(
            "Twice as large.",
            "The vectors are. A matrix of a block has C on both of its sides.",
        ),
        b=(
            "About four times as large.",
            "Nearly all of a block are its matrices, 12 C² numbers.",
        ),
        c=(
            "Eight times as large.",
            "A matrix has two sides, so doubling both makes four.",
        ),
    ),
    "q2": Question(
        """You change the *first* token of a text. Which of the model's outputs can
        change?""",
        right="a",
        a=(
            "Those of all positions.",
            """Each attends to itself and to those before, and the first stands before
            all. A change of the last token moves the last output alone.""",
        ),
        b=(
            "Only that of the last position.",
            """Every position attends to all before it, not only the last. The model
            has an output at each.""",
        ),
        c=(
            "Only that of the first position.",
            "Later tokens attend to it, so it reaches them.",
        ),
    ),
    "q3": Question(
        """In one block you set all numbers of two layers to zero: the `out` of its
        attention and the `down` of its MLP. What does that block do to a text?""",
        right="c",
        a=(
            "It makes every vector zero, so the model loses the text.",
            """It adds zero to each vector. What came in goes on, because of the
            residual connection.""",
        ),
        b=(
            "Tokens still gather from one another, but nothing is changed by the MLP.",
            "What they gather has to pass through `out`, which is zero.",
        ),
        c=(
            "Nothing: each vector leaves it as it came.",
            """Both branches give zero, and zero is added. So a block can be as good as
            not there.""",
        ),
    ),
}
