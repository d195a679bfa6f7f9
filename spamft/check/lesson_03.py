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
        "Capitals were rare in the text it was built on: more and smaller pieces.",
        "Count with len(tokenizer.encode_ordinary(...)), divide, and do not round.",
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
        """You pad every message to 240 tokens instead of 120. What happens to the
        number of batches of 8, and to the work of the model?""",
        right="a",
        a=(
            "The same number of batches, each at least twice the work.",
            "The rectangles are twice as wide, and the model computes all of them.",
        ),
        b=(
            "Twice as many batches, each as much work as before.",
            "A batch holds 8 messages, however wide they are.",
        ),
        c=(
            "The same number of batches, and no more work: padding means nothing.",
            """It means nothing to us. To a matrix product a padding token is as much
            work as any.""",
        ),
    ),
    "q2": Question(
        "You use bucketed batches in training, too. What do you give up?",
        right="a",
        a=(
            "Chance: short messages always meet short ones.",
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
        """Somebody finds the end of each message by looking for the first end token.
        When is that wrong?""",
        right="b",
        a=(
            "Never: the end token stands at the end.",
            """The padding is made of end tokens, but not each end token is
            padding.""",
        ),
        b=(
            "When a real end token is read, as for an empty message.",
            """It has the padding's id. An empty message is read as one end token, and
            would have no length at all.""",
        ),
        c=(
            "When somebody writes <|endoftext|> in a message.",
            "`encode_ordinary` takes that as ordinary text, so it gives no end token.",
        ),
    ),
}
