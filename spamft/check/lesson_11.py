"""Questions and exercises of notebook 11, instruction finetuning."""

import math

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.evaluate import IGNORED
from spamft.methods.instruct import parse_answer

__all__ = ["EXERCISES", "QUESTIONS"]


def tokens_counted(answer, labels) -> Law:
    """How many tokens of the row count in the loss, the end token included?"""
    counted = sum(label != IGNORED for label in labels)
    return Law(
        counted,
        "The answer's tokens and the end token; the prompt is masked.",
        "Which labels are not -100?",
        [
            (len(labels), "That is the whole row. The prompt's labels are masked."),
            (counted - 1, "The end token counts, too: a model must learn to stop."),
            (len(labels) - counted, "Those are the masked ones."),
        ],
    )


def three_results(answer) -> Law:
    """Does the answer " not spam" count as the name spam?"""
    texts, names = (" Spam, I am afraid", " not spam", " spammy"), ("ham", "spam")
    return Law(
        [parse_answer(text, names) for text in texts],
        "The first begins with a name that ends there, the others with another word. "
        "A name further on could as well be denied.",
        "0, 1 or None each: the text begins with a name, and the name ends there.",
        [
            ([1, 1, 1], "Each has the letters of spam in it, and two do not mean it."),
            ([1, 1, None], '" not spam" says the opposite.'),
            ([1, 0, None], "Nothing here understands a not: it looks for a name."),
            ([1, None, 1], '" spammy" begins with the letters, but is another word.'),
            ([None] * 3, "A capital and a comma do not make it another word."),
            (["spam", None, None], "It gives the place of the name, not the name."),
        ],
        given=list(answer),
        guess="no",
    )


def logs_of(answer) -> Law:
    """Which name is likelier if all tokens are, one of one token or one of five?"""
    log = -math.log(100)
    return Law(
        [5 * log, log],
        "Each token subtracts ln V, so the short name wins; per token they are equal.",
        "Each token has the probability 1/V, and logarithms add up over the tokens.",
        [
            (
                [log, log],
                "The first is that of the whole name: the sum over its tokens.",
            ),
            ([-5 * log, -log], "The logarithm of a probability is below 0."),
            ([5 * log, 5 * log], "Per token: divide the sum by n."),
        ],
        given=[float(each) for each in answer(5, 100)],
        guess="short",
    )


EXERCISES = {
    "1": Exercise(tokens_counted),
    "2": Exercise(three_results, YES_NO),
    "3": Exercise(logs_of, ("short", "long")),
}
QUESTIONS = {
    "q1": Question(
        """You forget to mask the prompt, so all tokens of the row count in the loss.
        What does the loss mostly measure then?""",
        right="b",
        a=(
            "The answer, as before: it comes last, and the end decides.",
            "Every token that counts has the same weight, wherever it stands.",
        ),
        b=(
            "The prompt: how well it predicts instruction and message.",
            """They are most of the row. The few tokens of the answer hardly weigh in
            the mean.""",
        ),
        c=(
            "Nothing: it cannot be computed.",
            """It can be. Pretraining computes it in this way: there every token is an
            answer.""",
        ),
    ),
    "q2": Question(
        """You rename the classes from "ham" and "spam" to "zq9" and "kx7" before you
        train. Which model has to learn something new?""",
        right="a",
        a=(
            "The model that answers in words, not the class head.",
            """A class head has outputs by number. In words, the model knew "spam"
            from pretraining, and does not know "kx7".""",
        ),
        b=(
            "The class head, not the model that answers in words.",
            "For a class head a name is only what is printed beside output 1.",
        ),
        c=(
            "Both.",
            "The class head never reads the names.",
        ),
    ),
    "q3": Question(
        """You leave the end token out of all training answers. What does the trained
        model do when it writes?""",
        right="a",
        a=(
            "It writes the name and does not know where to stop.",
            """Nothing taught it that the end token comes next, so it continues until it
            is cut off.""",
        ),
        b=(
            "The same: where an answer ends is clear.",
            "It is, to us. The model was never shown where to stop.",
        ),
        c=(
            "It writes nothing.",
            "The first token of the answer was trained as before.",
        ),
    ),
}
