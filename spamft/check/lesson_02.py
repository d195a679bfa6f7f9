"""Questions and exercises of notebook 2, balance, encode, split and save."""

import pandas as pd

from spamft.check.exercise import Exercise, Law, Question
from spamft.data import random_split

__all__ = ["EXERCISES", "QUESTIONS"]


def three_sizes(answer) -> Law:
    """Of 1,494 messages split at 80 / 10 / 10, how many are in the test part?"""
    rows = pd.DataFrame({"Label": 0, "Text": [str(i) for i in range(1494)]})
    right = [len(part) for part in random_split(rows, 0.8, 0.1)]
    return Law(
        right,
        "1195.2 and 149.4 are rounded down, and the test part takes the rest.",
        "The first two round down, and nothing is lost.",
        [
            (
                [1195, 149, 149],
                "They add up to 1,493: one message is lost. The test part takes what "
                "is left.",
            ),
            ([1195, 149, 300], "They must add up to 1,494."),
            ([1046, 149, 299], "That is 70 / 10 / 20."),
        ],
        given=list(answer),
        guess=(right[-1], right[-1]),  # a tenth off would be right without the rounding
    )


def share_kept(answer, splits, encoded) -> Law:
    """With another seed, which share of the test part stays in it, from 0 to 1?"""
    other = random_split(encoded, 0.7, 0.1, seed=7).test["Text"]
    right = splits.test["Text"].isin(other).mean()
    return Law(
        right,
        "Another seed draws another fifth of all, so on average a fifth, 0.2, of them "
        f"meet again. In this one draw it is {right:.3f}, by chance.",
        "random_split with seed 7, then the mean of splits.test['Text'].isin(...).",
        [
            (0.7, "70 % is the training part: the test part is a fifth."),
            (0.0, "Two draws of a fifth do not avoid each other: some are in both."),
            (1.0, "The seed decides who is in the test part; another draws others."),
        ],
        guess=(0.15, 0.25),  # one draw is off by chance
    )


def unshuffled(answer, encoded, splits) -> Law:
    """Without the shuffle, which share of the test part is spam, from 0 to 1?"""
    train_end = len(splits.train)
    validation_end = train_end + len(splits.validation)
    cuts = ((0, train_end), (train_end, validation_end), (validation_end, None))
    right = [encoded["Text"].iloc[a:b].tolist() for a, b in cuts]
    return Law(
        right,
        "One class stands before the other, so the last fifth is of one class alone.",
        "Cut encoded by iloc at train_end and validation_end; Splits(...) takes three.",
        [
            (
                [part["Text"].tolist() for part in splits],
                "These three are shuffled. Cut the frame as it stands.",
            )
        ],
        given=[part["Text"].tolist() for part in answer],
        guess=(encoded["Label"].iloc[validation_end:] == 1).mean(),
    )


EXERCISES = {
    "1": Exercise(three_sizes),
    "2": Exercise(share_kept),
    "3": Exercise(unshuffled),
}
QUESTIONS = {
    "q1": Question(
        """You make the classes equal in another way: no ham is left out, but each spam
        is copied six times. Then you split at random. What goes wrong?""",
        right="a",
        a=(
            "The test score is too good.",
            """Nearly every spam of the test part has a copy in the training part: the
            model has seen it with its label.""",
        ),
        b=(
            "Nothing: the classes are equal, and no message is lost.",
            """That is true, and not enough: copies of one message must not lie in two
            parts. Split first, and copy in the training part alone.""",
        ),
        c=(
            "The model predicts ham too often.",
            "It would with few spam. Here half of the training messages are spam.",
        ),
    ),
    "q2": Question(
        """You write the table the other way round, {"spam": 0, "ham": 1}, and train a
        new model with it. What do you expect of the new model?""",
        right="b",
        a=(
            "It is worse: spam should have the larger number.",
            "The numbers are names. No computation asks which of them is larger.",
        ),
        b=(
            "It is as good, if the same table names its answers.",
            """The two outputs of the head have changed places, and nothing else. With
            the old table its answers would all be the wrong way round.""",
        ),
        c=(
            "It predicts the opposite, so its accuracy is 1 minus the old one's.",
            """That happens to the old model if its answers are named by the new table.
            The new one is trained with it.""",
        ),
    ),
    "q3": Question(
        """Each spam stands in your file three times. You split at random, 70 / 10 /
        20. How likely is it that a spam of the test part has a copy in the training
        part?""",
        right="c",
        a=(
            "About 70 %.",
            "That is one copy. There are two, and one of them is enough.",
        ),
        b=(
            "About 49 %.",
            "That is the chance that both copies are in train.",
        ),
        c=(
            "About 91 %.",
            "Each of the two others is outside of train with 30 %, both with 9 %.",
        ),
    ),
}
