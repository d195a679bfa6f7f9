"""Questions and exercises of notebook 2b, the audit."""

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.data import encode_labels, random_split

__all__ = ["EXERCISES", "QUESTIONS"]


def question_marks(answer, messages, names) -> Law:
    """Which class has the larger share of messages with a question mark, the first or
    the second?"""
    has = messages["Text"].str.contains("?", regex=False)
    of = [messages["Label"] == name for name in names]
    right = [has[rows].mean() for rows in of]
    if hasattr(answer, "keys"):  # a dict or a Series, by the classes' names
        answer = [answer[name] for name in names]
    return Law(
        right,
        "Each class has its own total, so that the larger one has no advantage.",
        "Each count of sides(...), divided by how many messages of that label there "
        "are.",
        [
            (
                [(has & rows).mean() for rows in of],
                "You divided by all messages. A share of the class is asked: the "
                "larger class would win by its size.",
            ),
            ([int((has & rows).sum()) for rows in of], "Those are counts, not shares."),
            (right[::-1], f"In this order: {', '.join(names)}."),
            ([100 * each for each in right], "As shares from 0 to 1, not in percent."),
        ],
        given=[float(each) for each in answer],
        guess="first" if right[0] > right[1] else "second",
    )


def share_leaked(answer, twice, names) -> Law:
    """Every spam stands twice: which share of the test spam has its twin in train?"""
    cut = random_split(encode_labels(twice, names), seed=123)
    spam = cut.test[cut.test["Label"] == 1]["Text"]
    return Law(
        spam.isin(cut.train["Text"]).mean(),
        "The twin is anywhere else, and 70 % of all is train.",
        "random_split(encode_labels(twice, names), seed=123); isin on the test spam.",
        [
            (1.0, "A twin may also lie in validation, or in the test part itself."),
            (0.5, "There are two copies, but three parts of different sizes."),
            (
                cut.test["Text"].isin(cut.train["Text"]).mean(),
                "That is the share of all test messages. The spam alone is asked.",
            ),
        ],
    )


def by_chance(answer) -> Law:
    """All 50 are ham: is that, by chance, likelier than one in a million?"""
    right = 0.5**50
    return Law(
        1,
        "One half, fifty times over: about one in 10^15. Chance does not do that.",
        "One message is ham with one half. And fifty, one after the other?",
        [
            (1 / 50 / right, "That is one chance in fifty. Here fifty things happen."),
            (0.5 * 50 / right, "Chances of one after the other are multiplied."),
            (0.5 / right, "That is one message. There are fifty."),
        ],
        given=round(float(answer) / right, 2),  # 9e-16 will do
        guess="no",
    )


EXERCISES = {
    "1": Exercise(question_marks, ("first", "second")),
    "2": Exercise(share_leaked),
    "3": Exercise(by_chance, YES_NO),
}
QUESTIONS = {
    "q1": Question(
        """A pattern occurs in two messages, both ham, and half of all messages are ham.
        Is it a shortcut?""",
        right="b",
        a=(
            "Yes: it predicts the label in all cases.",
            "Two cases are too few. A coin shows two heads often enough.",
        ),
        b=(
            "One cannot say: chance does that one time in four.",
            """One half times one half. The audit asks for at least twenty messages, and
            for counts that chance does not give.""",
        ),
        c=(
            "No: shortcuts point to spam.",
            "What predicts either label is one; ham's HTML entities are an example.",
        ),
    ),
    "q2": Question(
        """In the SMS collection HTML entities occur in ham alone. You turn them back
        into plain characters before training. What may happen to the test accuracy
        there, and is that bad?""",
        right="a",
        a=(
            "It may fall, and the model can be better elsewhere.",
            """A hint is gone that no other messages have. The score of before was
            partly for knowing where a message came from.""",
        ),
        b=(
            "Nothing: a GPT ignores such marks.",
            "Its tokenizer keeps every character, and it learns from what it gets.",
        ),
        c=(
            "It must rise, for the text is cleaner.",
            "There the entities gave the label away. Without them the task is harder.",
        ),
    ),
    "q3": Question(
        """You let the model that you will test give every suspect the label that it
        prefers, in the test part as well. What happens?""",
        right="c",
        a=(
            "The labels become right, and so does the score.",
            "A suspect is a question to a person. The model errs on some of them.",
        ),
        b=(
            "The score falls, for fewer labels are right.",
            "It is measured by the new labels, right or wrong, and agrees with them.",
        ),
        c=(
            "The score rises, whether the labels got better or not.",
            """The model is now compared with its own answers. Some suspects had the
            right label, and were only difficult.""",
        ),
    ),
}
