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
        "e^12 / (e^11 + e^12). Do not round.",
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
        """You multiply both logits of a message by 10. What happens to its verdict and
        its probabilities?""",
        right="a",
        a=(
            "The verdict stays, and sounds surer.",
            """The order is kept, the difference grows, and with it the larger
            probability.""",
        ),
        b=(
            "The verdict can change.",
            "The larger logit stays the larger one.",
        ),
        c=(
            "Nothing: softmax looks only at differences.",
            "It does, and the difference is ten times as large now.",
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
        """You read the *first* token, and all of your messages begin with "Hi". Half
        of them are spam. What accuracy can training reach?""",
        right="b",
        a=(
            "The same as with the last token, in more steps.",
            """No step helps: the vector that is read is the same for all messages,
            whatever they say.""",
        ),
        b=(
            "About 50 %.",
            "The first token sees itself alone, so all messages get one answer.",
        ),
        c=(
            "0 %.",
            "One answer for all is right about all of one class.",
        ),
    ),
}
