"""Questions and exercises of notebook 6, loss and accuracy."""

import math

import torch

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.evaluate import report

__all__ = ["EXERCISES", "QUESTIONS"]


def coin_of_five(answer) -> Law:
    """What is the loss of a coin for five classes, in nats?"""
    return Law(
        math.log(5),
        "The true class gets 1/5, and minus the logarithm of 1/5 is ln 5.",
        "Which probability does the true class get? Then minus its logarithm.",
        [
            (
                math.log(2),
                "That is a coin for two classes. With five the true one gets 1/5: it "
                "is harder to guess, and the loss is higher.",
            ),
            (1 / 5, "That is the probability. The loss is minus its logarithm."),
            (math.log(5, 2), "That is in bits. PyTorch's loss is in nats: math.log."),
            (math.log10(5), "That is the logarithm to base 10; the loss has base e."),
        ],
    )


def same_accuracy(answer) -> Law:
    """Can two models have the same accuracy and different losses?"""
    unsure, sure = (report(each, torch.tensor([0])) for each in answer)
    return Law(
        (1.0, 1.0, True),
        "Accuracy asks only which logit is larger, the loss asks by how much.",
        "Both have the larger logit first; [[0.1, 0]] is right, but only just.",
        [
            (
                (0.0, 1.0, True),
                "`unsure` is wrong, not only unsure: its larger logit is the second.",
            ),
            ((1.0, 1.0, False), "Both are right, but `unsure` has no higher loss."),
        ],
        given=(unsure.accuracy, sure.accuracy, unsure.loss > sure.loss),
        guess="yes",
    )


def never_spam(answer) -> Law:
    """Which accuracy has a filter that never says spam, at 13 % spam, from 0 to 1?"""
    never = report(torch.tensor([[1.0, 0.0]] * 100), torch.tensor([0] * 87 + [1] * 13))
    right = (never.accuracy, never.classes[1].recall)
    return Law(
        right,
        "It is right about all ham and catches no spam: accuracy hides that.",
        "Of 87 ham and 13 spam, about how many is it right? How many spam are caught?",
        [
            ((0.5, 0.5), "That is a coin. This filter has one answer for all."),
            ((0.87, 0.87), "Recall asks about the spam alone, and none is caught."),
            ((0.87, 1.0), "Recall is the share of spam caught, not of ham kept."),
            ((0.13, 0.0), "It is wrong about the 13 spam, and right about the rest."),
        ],
        given=tuple(answer),
        guess=right[0],
    )


EXERCISES = {
    "1": Exercise(coin_of_five),
    "2": Exercise(same_accuracy, YES_NO),
    "3": Exercise(never_spam),
}
QUESTIONS = {
    "q1": Question(
        """You multiply all logits of a model by 10. What happens to its accuracy, and
        to the loss of the messages that it gets wrong?""",
        right="c",
        a=(
            "Both stay: softmax keeps the order.",
            """The order is all that accuracy needs. The loss depends on the
            probability of the true class, and that changes.""",
        ),
        b=(
            "Accuracy rises, for the model is surer.",
            "Being surer of the same answers makes none of them right.",
        ),
        c=(
            "Accuracy stays, their loss grows.",
            """The larger logit stays the larger one, but the true class's probability
            shrinks: wrong and surer costs more.""",
        ),
    ),
    "q2": Question(
        """A model gives each of 4 classes the probability 1/4, whatever it reads. You
        measure its loss again, on twice as many messages. What happens to it?""",
        right="b",
        a=(
            "It doubles.",
            "The sum of the losses does. What is reported is their mean.",
        ),
        b=(
            "It stays at ln 4.",
            "The loss is a mean, and each message costs ln 4.",
        ),
        c=(
            "It falls, because more messages give a better estimate.",
            """A better estimate is one with a narrower interval. It need not be a lower
            number.""",
        ),
    ),
    "q3": Question(
        """A filter catches most spam and some ham. You double the ham of the test part
        with more of the same kind. What happens to the precision and the recall of
        spam?""",
        right="b",
        a=(
            "Both fall.",
            "Recall asks about the spam alone, and the spam is the same.",
        ),
        b=(
            "Recall stays, precision falls.",
            """Twice as much ham is caught beside the same spam, so a smaller share of
            what is caught is spam.""",
        ),
        c=(
            "Recall falls, precision stays.",
            """It is the other way round: recall is counted among the spam, precision
            among what was caught, ham included.""",
        ),
    ),
}
