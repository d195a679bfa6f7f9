"""Questions and exercises of notebook 10, QLoRA."""

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.methods.nf4 import dequantize, nf4_levels, quantize

__all__ = ["EXERCISES", "QUESTIONS"]

BYTES = 4 / 8 + 1 / 64 + 4 / (64 * 256)  # per number, as notebook 10 works it out


def level_of_the_largest(answer, block) -> Law:
    """Does the largest number of a block change when it is quantised?"""
    largest = block.abs().max()
    place = (block[:, None] / largest - nf4_levels()).abs().argmin(1)
    return Law(
        nf4_levels()[place[block.abs().argmax()]].abs().item(),
        "Divided by itself it is 1 or -1, and both are levels: nothing is lost.",
        "What is the largest number, divided by the largest number?",
        [
            (
                largest.item(),
                "That is the number itself. Its level is what it becomes when the "
                "block is divided by its largest.",
            ),
            (15, "That is its place among the 16 levels. Which level is there?"),
        ],
        guess="no",
    )


def gigabytes(answer) -> Law:
    """How many gigabytes do 7 billion numbers take in NF4?"""
    return Law(
        round(7 * BYTES, 1),
        "7 times 0.516 bytes: half a byte for the place, the rest for the scales.",
        "How many bytes does one number cost, its share of the scales included?",
        [
            (3.5, "Half a byte is the place alone. The scales take room as well."),
            (28.0, "That is float32, 4 bytes each."),
            (14.0, "That is 2 bytes each, as in float16."),
            (
                round(7 * (0.5 + 4 / 64), 1),
                "The scales are quantised as well, to a byte for 64 numbers.",
            ),
        ],
        given=round(float(answer), 1),
    )


def lost(answer, outlier) -> Law:
    """One huge number and 63 small ones: are the small ones kept well?"""
    gone = dequantize(quantize(outlier), tuple(outlier.shape)) == 0
    return Law(
        gone.float().mean().item(),
        "Divided by the huge one, the others are nearest to the level 0. That is why "
        "blocks are small: a huge number then spoils fewer others.",
        "(dequantize(quantize(outlier), (64,)) == 0).float().mean().item()",
        [
            (
                0.0,
                "The block is divided by its largest number. What is left of 0.02 "
                "divided by 5, and which level is nearest?",
            ),
            (1.0, "The huge number itself is kept."),
        ],
        guess="no",
    )


EXERCISES = {
    "1": Exercise(level_of_the_largest, YES_NO),
    "2": Exercise(gigabytes),
    "3": Exercise(lost, YES_NO),
}
QUESTIONS = {
    "q1": Question(
        """You quantise in blocks of 512 numbers instead of 64. What happens to the size
        and to the error?""",
        right="c",
        a=(
            "Neither changes: it is 4 bits either way.",
            "4 bits are the places. The scales come on top, one for each block.",
        ),
        b=(
            "Smaller, and a smaller error.",
            """The largest of more numbers is larger, so the levels lie farther
            apart.""",
        ),
        c=(
            "Smaller, and a larger error.",
            """Fewer scales are kept, and each of them has to fit more numbers: one
            huge one spoils 511 others.""",
        ),
    ),
    "q2": Question(
        """You store 8 bits per number instead of 4, with the same blocks and scales.
        How many bytes does a number take?""",
        right="c",
        a=(
            "1.032, twice 0.516.",
            "The scales do not double: there are as many as before, and as large.",
        ),
        b=(
            "1.000.",
            "The scales are still needed to get a number back.",
        ),
        c=(
            "1.016.",
            "One byte for the number, and 0.016 for its share of the scales.",
        ),
    ),
    "q3": Question(
        """You train with batches of 16 messages instead of 8, each as long as before.
        Which line of the memory ledger grows?""",
        right="b",
        a=(
            "The weights.",
            "The model is the same, however much it reads at once.",
        ),
        b=(
            "The activations.",
            """What the forward pass keeps for the backward one, it keeps for every
            message.""",
        ),
        c=(
            "The gradients, and the two averages.",
            "There is one gradient per number that trains, summed over the batch.",
        ),
    ),
}
