"""Questions and exercises of notebook 14, what the score is worth."""

import math

from spamft.check.exercise import Exercise, Law, Question
from spamft.insight.calibrate import Rates, at_share

__all__ = ["EXERCISES", "QUESTIONS"]


def precision(answer) -> Law:
    """At 1 % spam, is a caught message more likely spam or ham?"""
    right = at_share(Rates(0.95, 0.01, 0.0), 0.01)
    return Law(
        round(right, 3),
        "Of 10,000 messages 95 spam are caught and 99 ham are lost.",
        "Of 10,000 messages, how many spam are caught, and how many ham are lost?",
        [
            (0.95, "That is recall: of the spam, how much is caught."),
            (0.99, "That is the share of ham that passes."),
            (
                round(0.95 / 0.96, 3),
                "That would be so if half of the messages were spam. 1 % are.",
            ),
        ],
        given=round(float(answer), 3),
        guess="spam" if right > 0.5 else "ham",
    )


def messages_needed(answer) -> Law:
    """At an accuracy of 95 %, how many test messages give a standard deviation of 0.5
    percentage points, that is 0.005?"""
    right = round(0.95 * 0.05 / 0.005**2)
    # a whole number that was rounded up or down is the same answer
    given = right if abs(float(answer) - right) <= 1 else float(answer)
    return Law(
        right,
        "p (1 - p) / 0.005² messages, six times the lecture's test part.",
        "Solve sqrt(p (1 - p) / n) = 0.005 for n.",
        [
            (300, "300 give 1.3 points. 0.5 points take more."),
            (
                math.ceil(math.sqrt(0.95 * 0.05) / 0.005),
                "Both sides of the equation must be squared, the root's as well.",
            ),
            (
                round(0.95 * 0.05 / 0.05**2),
                "0.5 percentage points are 0.005, not 0.05.",
            ),
        ],
        given=given,
    )


def chances(answer) -> Law:
    """What does the probability of either class tend to at a very high temperature?"""
    right = [round(1 / (1 + math.exp(-3 / T)), 3) for T in (1, 1000)]
    return Law(
        right,
        "The logits become equal: the model sounds as if it knew nothing.",
        "Softmax of (0, 3) and of (0, 0.003).",
        [
            (
                [right[0], 0.0],
                "Dividing makes the logits equal, not the probability 0: both classes "
                "shrink alike.",
            ),
            ([right[0], 1.0], "That is a temperature near 0, where it is certain."),
            ([right[0], right[0]], "The difference of 3 becomes one of 0.003."),
        ],
        given=[round(float(each), 3) for each in answer],
        guess=right[1],
    )


EXERCISES = {
    "1": Exercise(precision, ("spam", "ham")),
    "2": Exercise(messages_needed),
    "3": Exercise(chances),
}
QUESTIONS = {
    "q1": Question(
        """You choose the temperature on the test part, and report the calibration error
        of the test part. What can be said of that number?""",
        right="a",
        a=(
            "It is too good: on new messages the error is likely larger.",
            "It was chosen so as to be good on these messages.",
        ),
        b=(
            "It is fine: a temperature changes no verdict.",
            "It changes how sure they sound, and that is just what is measured.",
        ),
        c=(
            "It is too bad, for the temperature was not chosen on validation.",
            "Validation would have fitted the test part less well.",
        ),
    ),
    "q2": Question(
        """Your filter moves from a place with 13 % spam to one with 1 %; the kinds of
        spam and ham are the same. What happens to its recall and its precision?""",
        right="b",
        a=(
            "Precision stays, recall falls.",
            "Recall asks about the spam alone, however much there is.",
        ),
        b=(
            "Recall stays, precision falls.",
            """The same share of the spam is caught, but there is less of it beside the
            lost ham.""",
        ),
        c=(
            "Both stay: they are properties of the filter.",
            "Recall is, and the share of lost ham. Precision depends on both shares.",
        ),
    ),
    "q3": Question(
        """You raise the threshold from 50 % to 90 %. What can happen to the spam that
        is caught and to the ham that is lost?""",
        right="c",
        a=(
            "More is caught, and less ham is lost.",
            "Everything above 90 % was above 50 % before: nothing new is caught.",
        ),
        b=(
            "Less is caught, and more ham is lost.",
            "No ham can be lost that was not above 50 %.",
        ),
        c=(
            "Neither grows, and usually both fall.",
            """Fewer messages pass the threshold, of either class. That is the price:
            less lost mail for more spam.""",
        ),
    ),
}
