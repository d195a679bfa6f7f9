"""Questions and exercises of notebook 0, what is finetuning."""

from functools import cache

import torch

from spamft.check.exercise import Exercise, Law, Question
from spamft.classifier import GPTClassifier, set_trainable
from spamft.gpt import GPT, GPTConfig

__all__ = ["EXERCISES", "QUESTIONS"]


def head_of_five(answer) -> Law:
    """How many parameters does a head for five classes have, at a width of 768?"""
    right = sum(p.numel() for p in torch.nn.Linear(768, 5).parameters())
    return Law(
        right,
        "Each class has a weight for each of the 768 channels, and one bias.",
        "A head is a linear layer, as for two classes: what does each class need?",
        [
            (5 * 768, "You counted the weights. Each class also has a bias."),
            (2 * 768 + 2, "That is the head of two classes."),
        ],
    )


def rank_without_gain(answer) -> Law:
    """From which rank on does LoRA save nothing on a 768 by 768 matrix?"""
    return Law(
        768 // 2,
        "A and B have rank * 768 numbers each, together as many as the matrix at 384.",
        "A has rank * 768 numbers, and so has B. When is their sum 768 * 768?",
        [
            (
                768,
                "At rank 768 each of the two is as large as the matrix; together they "
                "are twice that.",
            )
        ],
    )


def share_of_last_block(answer) -> Law:
    """With `last_block` 5.7 % of the 124M GPT-2's parameters train. In the largest
    GPT-2, is that share larger or smaller?"""
    return Law(
        _share_in_the_largest(),
        "It is one of 48 blocks, not one of 12, so its share is smaller.",
        "Build it on the meta device as above; set_trainable returns .trained and "
        ".total: divide one by the other.",
        [
            (1 / 12, "One of 12 blocks is the small GPT-2; the largest has 48."),
            (1 / 48, "The blocks are not all of it: there are the embeddings, too."),
        ],
        guess="smaller",
    )


@cache
def _share_in_the_largest() -> float:
    with torch.device("meta"):
        largest = GPT(GPTConfig(emb_dim=1600, n_layers=48, n_heads=25))
        scope = set_trainable(GPTClassifier(largest), "last_block")
    return scope.trained / scope.total


EXERCISES = {
    "1": Exercise(head_of_five),
    "2": Exercise(rank_without_gain),
    "3": Exercise(share_of_last_block, ("larger", "smaller")),
}
QUESTIONS = {
    "q1": Question(
        """A model says "no" to each of forty messages, half of them spam, and is right
        about half. You ask it about messages of which one in ten is spam, and it still
        says "no" to each. What is its accuracy now?""",
        right="c",
        a=(
            "About 50 %, because it does not look at the message.",
            """It does not look, but 50 % was the share of ham among the forty, no
            property of the model.""",
        ),
        b=(
            "About 10 %.",
            "That is the share of spam, all of which it gets wrong.",
        ),
        c=(
            "About 90 %.",
            """It is right about every ham, and nine of ten are ham. It has learned
            nothing: a score alone does not say what a model knows.""",
        ),
    ),
    "q2": Question(
        "You give the class head a third class. Which parameters are added?",
        right="c",
        a=(
            "Half as many as the model had.",
            """The head grows by half, but the head is 1,538 of 124 million. All else
            stays.""",
        ),
        b=(
            "One row of weights; the bias is there already.",
            """Each output has a bias of its own, so that a class can be likely whatever
            the message says.""",
        ),
        c=(
            "One row of weights and one bias.",
            "Each class is one output: a weight for each channel, and a bias.",
        ),
    ),
    "q3": Question(
        """LoRA with rank 16 takes about 535 MB on the 124M GPT-2. Of these 498 MB are
        the frozen model, 4 bytes for each number. You double the rank. How much does it
        take then?""",
        right="a",
        a=(
            "About 570 MB.",
            """Only A and B double, and what trains with them: 38 MB more. The frozen
            model is most of the memory, so the rank matters little.""",
        ),
        b=(
            "About 1,070 MB, twice as much.",
            "That would be so if the frozen model doubled, too. It stays.",
        ),
        c=(
            "About 535 MB: the product B·A has the same shape.",
            """The product has, but what is stored and trained are A and B, and they
            double.""",
        ),
    ),
}
