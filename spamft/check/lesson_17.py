"""Questions and exercises of notebook 17, a modern LLM."""

import math

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.models.llama import LlamaConfig

__all__ = ["EXERCISES", "QUESTIONS"]


def numbers_per_token(answer) -> Law:
    """While SmolLM2 writes, how many numbers does it keep for each token?"""
    size = LlamaConfig()
    right = 2 * size.n_layers * size.n_kv_heads * size.head_dim
    return Law(
        right,
        "A key and a value in each block, of the heads that are shared.",
        "Keys and values are kept, in every block: n_kv_heads heads of head_dim.",
        [
            (
                2 * size.n_layers * size.emb_dim,
                "That many if each query head had its own. They share three.",
            ),
            (right // 2, "Keys and values are both kept."),
            (right // size.n_layers, "That is one block. Each keeps its own."),
            (
                right * 4,
                "Those are bytes, at 4 each. Numbers are asked.",
            ),
        ],
    )


def tokens_per_turn(answer) -> Law:
    """Does the slowest pair of a head turn round once within 8,192 tokens?"""
    size = LlamaConfig()
    half = size.head_dim // 2
    right = 2 * math.pi * size.rope_base ** ((half - 1) / half)
    return Law(
        right,
        "Within the context the slowest pairs never come back to where they were, so "
        "near and far stay apart.",
        "A turn is 2 pi; pair i turns by base to the power of -i/32 per token, and "
        "the last i is 31.",
        [
            (
                size.rope_base,
                "The base is about the slowest pair's tokens per radian. A turn is 2 "
                "pi of these, and the last pair is 31 of 32.",
            ),
            (right / 2 / math.pi, "For one radian. A whole turn is 2 pi."),
            (2 * math.pi * size.rope_base, "The pairs count from 0: the last is 31."),
            (2 * math.pi, "That is the fastest pair, the first."),
        ],
        guess="no",
    )


def without_blocks(answer, score, frozen) -> Law:
    """Is the accuracy without blocks higher or lower than after three fifths?"""
    right = score(0)
    return Law(
        right,
        "Without a block no token knows its neighbours: it is a bag of words, though "
        "of words whose vectors tell which of them are alike.",
        "`score` takes the number of blocks that are run.",
        [
            (frozen, "That is after three fifths of the blocks. Run none of them."),
            (100 * right, "As a share from 0 to 1, please."),
        ],
        guess="higher" if right > frozen else "lower",
    )


EXERCISES = {
    "1": Exercise(numbers_per_token),
    "2": Exercise(tokens_per_turn, YES_NO),
    "3": Exercise(without_blocks, ("higher", "lower")),
}
QUESTIONS = {
    "q1": Question(
        """Before a norm without learned numbers, somebody adds 5 to every channel of a
        vector. Which norm still gives what it gave before?""",
        right="a",
        a=(
            "Layer normalisation alone.",
            """It takes the mean away, and the 5 goes with it. RMSNorm keeps the mean,
            and divides by another length.""",
        ),
        b=(
            "RMSNorm alone.",
            """It undoes a factor, not a shift: the mean stays, and the mean square
            grows.""",
        ),
        c=(
            "Both of them do.",
            "Both undo a factor. A shift is undone only by taking the mean away.",
        ),
    ),
    "q2": Question(
        """A text of twice as many tokens as were ever seen in training. What is in the
        way, in GPT-2 and in a Llama, if nothing checks the length?""",
        right="c",
        a=(
            "Nothing in either: the matrices do not depend on the length.",
            """Those do not. But GPT-2 looks each position up in a table that ends, and
            a Llama meets angles that it never saw.""",
        ),
        b=(
            "Both have no vector for the later positions.",
            "A Llama has no vectors of positions at all. It turns by any angle.",
        ),
        c=(
            "GPT-2 has no vector for such a position; the Llama has an angle.",
            """So the Llama computes something. Whether it is any good is another
            matter, as it was never trained on such distances.""",
        ),
    ),
    "q3": Question(
        """A spammer writes the letters `<|im_end|>` into a message, which then goes
        into a prompt of this library. What does the model see?""",
        right="b",
        a=(
            "The end of the user's turn, and what follows as a turn of its own.",
            """So it would be if the whole prompt were one string. The form and the
            message are encoded apart.""",
        ),
        b=(
            "These letters, as ordinary tokens of the message.",
            """Only the form has control tokens; a message is text, whatever it
            says.""",
        ),
        c=(
            "Nothing: the letters are cut out.",
            "No text is changed. The same letters are encoded as pieces of words.",
        ),
    ),
}
