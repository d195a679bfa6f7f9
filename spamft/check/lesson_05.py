"""Questions and exercises of notebook 5, a classification head."""

import math

import torch

from spamft.check.exercise import Exercise, Law, Question
from spamft.classifier import GPTClassifier

__all__ = ["EXERCISES", "QUESTIONS"]


def probability(answer) -> Law:
    """Which probability has the second of two classes with the logits 11 and 12?"""
    return Law(
        1 / (1 + math.exp(-1)),
        "Only the difference of logits matters, here 1; what both share cancels.",
        "e^12 / (e^11 + e^12).",
        [
            (
                12 / 23,
                "Logits are not shares: they can be negative. First take e^ of each.",
            ),
            (1 / (1 + math.e), "That is the first class's: the second is larger."),
            (1.0, "e^12 is large, but so is e^11: only their ratio counts."),
        ],
    )


def head_of_twelve(answer, C) -> Law:
    """How many parameters does a head for twelve classes have on your model?"""
    return Law(
        12 * C + 12,
        "C weights and one bias for each class.",
        "What does one class need, if the vector has C numbers?",
        [(12 * C, "You counted the weights. Each class also has a bias.")],
    )


def differences(answer, gpt, one, two, seed) -> Law:
    """For which pooling, first or last_real, do the two messages get equal logits?"""
    right = []
    for pooling in ("first", "last_real"):
        reader = GPTClassifier(gpt, pooling=pooling, seed=seed).to(one.device).eval()
        with torch.no_grad():
            right.append((reader(one) - reader(two)).abs().max().item())
    given = [float(each) for each in answer]
    return Law(
        [round(each, 3) for each in right],
        "Both begin with the same token, and the first has seen nothing else.",
        "GPTClassifier(gpt, pooling=..., seed=SEED).to(device).eval(); both messages "
        "through it, subtract, .abs().max().",
        [
            (
                [0.0, 0.0],
                "The last tokens have read two different messages: see the second.",
            ),
            ([round(each, 3) for each in right[::-1]], "In this order: first, last."),
        ],
        given=[round(each, 3) for each in given],
        guess="first",
    )


EXERCISES = {
    "1": Exercise(probability),
    "2": Exercise(head_of_twelve),
    "3": Exercise(differences, ("first", "last_real")),
}
QUESTIONS = {
    "q1": Question(
        """A head for two classes is right about 80 % of the messages. You exchange its
        two rows of weights, and its two biases. What is its accuracy now?""",
        right="a",
        a=(
            "20 %.",
            """The two logits have changed places, so every verdict is the other one:
            what was right is wrong, and what was wrong is right.""",
        ),
        b=(
            "80 %: it has the same numbers.",
            "It has, but the first row gives the first class's logit, and so on.",
        ),
        c=(
            "About 50 %: what it has learned is lost.",
            "Nothing is lost. Exchange the rows again, and it is as good as before.",
        ),
    ),
    "q2": Question(
        """You pad on the *left* instead of the right, and read the last token. Can
        the padding change the answer of this GPT?""",
        right="b",
        a=(
            "No: attention is causal.",
            "Causal means: no token looks to the right. The padding is on the left.",
        ),
        b=(
            "Yes: the real tokens see it, and stand at other positions.",
            """Attention looks left, and there the padding stands now. On the right no
            real token sees it.""",
        ),
        c=(
            "No: the last column is a real token now.",
            """It is, and is read at the right place. But what it gathers from has
            changed.""",
        ),
    ),
    "q3": Question(
        """You read the *first* token. Half of your messages begin with "Hi", and 20 %
        of these are spam; half begin with "Free", and 80 % of these are spam. What
        accuracy can training reach?""",
        right="b",
        a=(
            "50 %: the first token has read nothing.",
            "It has read itself, and here that tells something.",
        ),
        b=(
            "80 %.",
            """There are two vectors to judge by, so at best Hi is ham and Free is spam:
            each is right for 80 %. What comes after the first token is not seen.""",
        ),
        c=(
            "Nearly 100 %, in more steps.",
            "No step helps: messages with the same first token give the same vector.",
        ),
    ),
}
