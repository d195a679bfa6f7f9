"""Questions and exercises of notebook 12, which one when."""

import numpy as np

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.experiments.table import interval, paired_test

__all__ = ["EXERCISES", "QUESTIONS"]

WITH_TRAINING = ("head only", "last block")  # of the quick ones, those that train a GPT


def p_value(answer) -> Law:
    """290 and 285 right of 300, all five on one side: is that enough for p < 0.05?"""
    places = np.arange(300)
    right = paired_test(places < 290, places < 285)
    return Law(
        right,
        "Only the 5 messages on which they differ count; all fall on one side once in "
        "16 times.",
        "paired_test of two arrays of 300 truth values; on 5 messages they differ.",
        [
            (5 / 300, "That is the share on which they differ. p is a chance."),
            (
                right / 2,
                "That is one side. Either of the two might have been the better one.",
            ),
            (290 / 300 - 285 / 300, "That is the difference of the accuracies."),
        ],
        guess="no",
    )


def choice(answer, frame) -> Law:
    """Does the quickest method within the best one's interval train a GPT?"""
    best = frame.loc[frame["accuracy"].idxmax()]
    near = frame[frame["accuracy"] >= best["interval_low"]]
    right = near.loc[near["seconds"].idxmin(), "method"]
    return Law(
        right,
        "First what is good enough, then what is cheapest among that.",
        "Filter by accuracy, then idxmin of seconds.",
        [
            (
                frame.loc[frame["seconds"].idxmin(), "method"],
                "It is the quickest of all, but not near the best: filter first.",
            ),
            (
                best["method"],
                "It is the best one. A quicker one is within its interval.",
            ),
        ],
        guess="yes" if right in WITH_TRAINING else "no",
    )


def ratio(answer, correct) -> Law:
    """How many times as wide is an interval as that of four times as many messages?"""
    wide, narrow = (
        np.diff(interval(each))[0] for each in (correct, np.tile(correct, 4))
    )
    return Law(
        wide / narrow,
        "About 2: the width shrinks with the square root of the number.",
        "interval gives (low, high); divide the width of one by that of the other.",
        [
            (
                4.0,
                "It shrinks with the square root of the number, not with the number.",
            ),
            (narrow / wide, "That is the other way round."),
            (1.0, "More messages say more: the interval does get narrower."),
        ],
    )


EXERCISES = {
    "1": Exercise(p_value, YES_NO),
    "2": Exercise(choice, YES_NO),
    "3": Exercise(ratio),
}
QUESTIONS = {
    "q1": Question(
        """Two methods are right on 95 % and 94 % of the same 300 messages, and their
        intervals overlap. What do you know?""",
        right="c",
        a=(
            "They are equally good.",
            "Seeing no difference is not the same as seeing that there is none.",
        ),
        b=(
            "The first is better, by one point.",
            "On these messages it was. On others it might be the second.",
        ),
        c=(
            "Not yet which is better: a paired test may tell.",
            """It looks only at the messages on which they differ, and so is sharper
            than two intervals.""",
        ),
    ),
    "q2": Question(
        """Twenty tasks get a classifier each, all on one LLM of 538 MB. Full finetuning
        is 0.5 points ahead of LoRA, whose trained part has 5 MB; the paired test says
        p = 0.4. What do you do?""",
        right="b",
        a=(
            "Full finetuning: it is better.",
            """With p = 0.4 that is not shown, and you would keep twenty times 538 MB,
            11 GB.""",
        ),
        b=(
            "LoRA: one base and twenty times 5 MB.",
            """That is 0.6 GB instead of 11, and no difference is shown. If half a point
            matters to you, first get more test messages.""",
        ),
        c=(
            "LoRA: it also classifies faster.",
            "Merged, it multiplies by matrices of the same sizes: as fast as before.",
        ),
    ),
    "q3": Question(
        """You copy each test message three times into the test part. The interval
        becomes half as wide. Do you know the accuracy better now?""",
        right="a",
        a=(
            "No: copies tell nothing new.",
            """The formula counts rows, and cannot know that they are the same.
            Repeated messages in a collection do the same quietly.""",
        ),
        b=(
            "Yes: the interval says so.",
            "It believes that each row is news. Copies are not.",
        ),
        c=(
            "Yes, but only if the accuracy stayed the same.",
            "It does stay the same, exactly. That is why nothing was learned.",
        ),
    ),
}
