"""Questions and exercises of notebook 4, a GPT and its weights."""

import re

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


def jumbled(answer, text, loss, gpt) -> Law:
    """Is English with its words in another order as likely as before?"""
    words = _words(answer) == _words(text)
    return Law(
        (True, True),
        "The loss rises: the model has learned an order, not a bag of words.",
        "' '.join(sorted(text.split())) keeps all words and spoils the order.",
        [
            (
                (True, False),
                "Its loss is not higher. Is the order really another one?",
            ),
            ((False, True), "The words must be the same; only their order changes."),
        ],
        given=(words, loss(gpt, answer) > loss(gpt, text)),
        guess="no",
    )


def _words(text: str) -> list[str]:
    """The words in the order of the alphabet, without what stands between them."""
    return sorted(re.findall(r"\w+", text.lower()))


EXERCISES = {
    "1": Exercise(share_of_embedding),
    "2": Exercise(third_token),
    "3": Exercise(jumbled, YES_NO),
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
        """You load the pretrained weights, and then shuffle the rows of the
        token embedding. What happens to the loss of plain English?""",
        right="a",
        a=(
            "It rises far above that of the pretrained model.",
            """Each id now brings another token's vector, so to the blocks the text is
            nonsense. Which vector belongs to which token was learned, too.""",
        ),
        b=(
            "It stays: no number was lost.",
            "None was, but a row is found by its place, and the places changed.",
        ),
        c=(
            "It stays: the same table is used at the output, so it cancels.",
            """At the output a wrong row stands for the true next token, too. Two wrongs
            do not undo each other.""",
        ),
    ),
}
