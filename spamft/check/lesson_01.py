"""Questions and exercises of notebook 1, download and look."""

import io

import pandas as pd

from spamft.check.exercise import Exercise, Law, Question
from spamft.data import balance

__all__ = ["EXERCISES", "QUESTIONS"]

PUZZLE = 'ham\t"a\nham\tb\nspam\tc"\nham\td\n'


def always_spam(answer, counts, names) -> Law:
    """Which accuracy does "always the second class" reach, from 0 to 1?"""
    return Law(
        counts[names[1]] / counts.sum(),
        "It is right where the rule of always naming the other class is wrong.",
        "How many messages of this class are there, divided by all messages?",
        [
            (0.5, "A rule with one answer is no coin: the classes are not equal."),
            (
                counts[names[0]] / counts.sum(),
                f"That is the accuracy of always saying {names[0]}.",
            ),
        ],
    )


def rows_when_equal(answer, messages) -> Law:
    """How many rows remain if the classes are made equal and no row is used twice?"""
    right = len(balance(messages))
    return Law(
        right,
        "The rarer class keeps all of its messages, and the other keeps as many.",
        "How many has the rarer class? And how many classes are there?",
        [
            (right // 2, "That is the rarer class. The other one keeps as many."),
            (len(messages), "Nothing was left out: then they are not equal."),
        ],
    )


def rows_in_puzzle(answer) -> Law:
    """How many rows does the lecture's reading find in the four lines of `puzzle`?"""
    return Law(
        len(pd.read_csv(io.StringIO(PUZZLE), sep="\t", header=None)),
        "The field that opens before a ends after c: three lines make one row.",
        "A field that a quotation mark opens ends at the next one. Give header=None.",
        [
            (4, "There are four lines, but a quoted field can run over line ends."),
            (1, "With header=None the first line is a row, not the columns' names."),
            (3, "The field does not end with its line: look for the next mark."),
        ],
    )


EXERCISES = {
    "1": Exercise(always_spam),
    "2": Exercise(rows_when_equal),
    "3": Exercise(rows_in_puzzle),
}
QUESTIONS = {
    "q1": Question(
        """The lecture's file has 4,825 ham and 747 spam, and "always ham" is right for
        86.6 %. You delete half of the ham. What does the same rule reach?""",
        right="b",
        a=(
            "86.6 %: the rule is the same.",
            "The rule is, but its accuracy is the share of ham, which has changed.",
        ),
        b=(
            "About 76 %.",
            """2,412 of the 3,159 messages left are ham. What a score is worth depends
            on what the simplest rule would get.""",
        ),
        c=(
            "About 43 %, half of it.",
            "The spam did not change, so all messages together are not halved.",
        ),
    ),
    "q2": Question(
        """Suppose the stray quotation mark had swallowed two spam instead of two ham.
        How many messages would be left when the classes are made equal, instead of the
        lecture's 1,494?""",
        right="a",
        a=(
            "1,490.",
            """745 spam are left, and only as many ham are kept. A lost message of the
            rarer class costs two.""",
        ),
        b=(
            "1,492.",
            "Two spam are lost, but then two ham more have to be left out as well.",
        ),
        c=(
            "1,494: there is ham enough to fill up.",
            "More ham than spam would not be equal. The rarer class sets the number.",
        ),
    ),
    "q3": Question(
        """A server puts the same file of messages into a new zip that is packed in
        another way. You have noted three things of the old download. Which of them
        still agrees?""",
        right="c",
        a=(
            "The size of the zip.",
            "The same content, packed in another way, takes more bytes or fewer.",
        ),
        b=(
            "The SHA-256 of the zip.",
            "It is computed from the bytes of the zip, and these are others.",
        ),
        c=(
            "The SHA-256 of the file inside.",
            "Unpacked, the bytes are the same, so their fingerprint is the same.",
        ),
    ),
}
