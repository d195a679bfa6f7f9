"""Questions and exercises of notebook 3, batches."""

import math

from spamft.batches import collate
from spamft.check.exercise import YES_NO, Exercise, Law, Question

__all__ = ["EXERCISES", "QUESTIONS"]

SHOUT = "CALL NOW TO CLAIM YOUR PRIZE"


def batches_of_32(answer, dataset) -> Law:
    """How many batches of 32 does the training part give if the rest is kept?"""
    return Law(
        math.ceil(len(dataset) / 32),
        "The full batches, and one more for the rest.",
        "How many messages are there, divided by 32? And what about the rest?",
        [
            (
                len(dataset) // 32,
                "You left out the last batch, which is not full. Here it is kept.",
            ),
            (len(dataset) / 32, "There is no part of a batch: the rest is one, too."),
        ],
    )


def more(answer, tokenizer) -> Law:
    """Does a text in capitals have more tokens than in lower case?"""
    loud, calm = (
        len(tokenizer.encode_ordinary(each)) for each in (SHOUT, SHOUT.lower())
    )
    return Law(
        loud / calm,
        "The tokenizer was built from texts in which words in capitals are rare. Most "
        "have no token of their own, and become more and smaller pieces.",
        "Count both with len(tokenizer.encode_ordinary(...)), and divide.",
        [
            (1, "As many letters are not as many tokens. Count the tokens."),
            (calm / loud, "That is the other way round: how many times as many?"),
        ],
        guess="yes" if loud > calm else "no",
    )


def fill(answer, pad_id) -> Law:
    """Of a batch of equally long messages, which share is real, from 0 to 1?"""
    full = collate([([1, pad_id, 3], 0), ([4, 5, 6], 1)], pad_id)
    part = collate([([1], 0), ([4, 5, 6], 1)], pad_id)
    return Law(
        [1.0, 4 / 6],
        "The lengths say what is real, whatever the ids are.",
        "All real tokens of the batch, divided by all places of its rectangle.",
        [
            ([1.0, 1.0], "Messages of different lengths leave places to padding."),
            (
                [5 / 6, 4 / 6],
                "You counted ids that are not the padding's. A real token may have "
                "that id, too: use batch.lengths.",
            ),
        ],
        given=[float(answer(full)), float(answer(part))],
        guess=1,
    )


EXERCISES = {
    "1": Exercise(batches_of_32),
    "2": Exercise(more, YES_NO),
    "3": Exercise(fill),
}
QUESTIONS = {
    "q1": Question(
        """Of 800 messages, 799 have 20 tokens and one has 1,000. You make batches of 8,
        and pad each message to the longest of *all* instead of the longest of its
        batch. How many times as many tokens does the model compute?""",
        right="a",
        a=(
            "About 34 times as many.",
            """Now 800 x 1,000 = 800,000. Before, one batch had 8 x 1,000 = 8,000, and
            99 batches had 8 x 20 each, 15,840: together 23,840.""",
        ),
        b=(
            "50 times as many.",
            "That holds for 99 batches. The one with the long message stays as it was.",
        ),
        c=(
            "As many as before: there are the same messages in as many batches.",
            "The model computes every place of a batch, and padding is a place.",
        ),
    ),
    "q2": Question(
        "You use bucketed batches in training, too. What do you give up?",
        right="a",
        a=(
            "Randomness: short messages always meet short ones.",
            """The messages of a batch are alike, so each step sees one kind. That is
            why training keeps its shuffled batches.""",
        ),
        b=(
            "Nothing: the same messages are seen.",
            "They are, but a step follows one batch, and what is in it matters.",
        ),
        c=(
            "The ends of long messages.",
            "Bucketing changes who sits with whom. Nothing is cut.",
        ),
    ),
    "q3": Question(
        """An empty message is read as one end token, and padding is made of end tokens,
        too. Somebody looks for the first end token of each row to find where the
        message ends. For which message is that wrong?""",
        right="b",
        a=(
            "For none: after the first end token there is only padding.",
            "Not if the end token is all that the message has: then it is read.",
        ),
        b=(
            "For the empty one.",
            """Its only token has the padding's id, so it would have no token at all.
            That is why a batch keeps the lengths.""",
        ),
        c=(
            "For one in which somebody has typed <|endoftext|>.",
            "`encode_ordinary` takes that as ordinary text, so it gives no end token.",
        ),
    ),
}
