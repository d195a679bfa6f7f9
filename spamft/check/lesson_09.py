"""Questions and exercises of notebook 9, LoRA."""

import copy

import torch

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.methods.lora import LoRAConfig, add_lora

__all__ = ["EXERCISES", "QUESTIONS"]


def with_rank_4(answer, untrained) -> Law:
    """How many numbers train with rank 4 instead of 16, the head included?"""
    head = sum(p.numel() for p in untrained.head.parameters())
    model = copy.deepcopy(untrained)
    add_lora(model, LoRAConfig(rank=4))
    right = sum(p.numel() for p in model.parameters() if p.requires_grad)
    with_16 = 4 * (right - head) + head
    return Law(
        right,
        "A and B shrink to a quarter, and the head stays as large as it was.",
        "Which of the trained numbers belong to A and B, and which to the head?",
        [
            (
                with_16 // 4,
                "You divided the head, too. It has no rank: it trains in full.",
            ),
            (right - head, "That is A and B alone. The head trains as well."),
            (with_16, "That is rank 16."),
        ],
    )


def dead_gradient(answer, dead) -> Law:
    """Would A and B ever change if both began at zero?"""
    gradient = dead.B.grad
    return Law(
        (True, True),
        "B's gradient contains A, and A's contains B: if both are zero, neither ever "
        "changes.",
        "dead.A.data.zero_(), dead(x).sum().backward(), dead.B.grad.abs().max().item()",
        [
            (
                (False, True),
                "`dead.A` still has its random numbers. With these B does learn, "
                "which is why A begins with them: fill A with zeros.",
            ),
            ((True, False), "That is not the largest absolute gradient of dead.B."),
        ],
        given=(
            not dead.A.any().item(),
            gradient is not None and float(answer) == gradient.abs().max().item(),
        ),
        guess="no",
    )


def two_ranks(answer, layer) -> Law:
    """After merging W + alpha / r · B A, is the new matrix of rank r, too?"""
    update = torch.linalg.matrix_rank(layer.B @ layer.A).item()
    whole = torch.linalg.matrix_rank(layer.weight).item()
    return Law(
        (update, whole),
        "B A goes through r numbers, so it is of rank r at most. W keeps its own rank: "
        "only the change is thin, not what the layer can do.",
        "torch.linalg.matrix_rank of layer.B @ layer.A, and of layer.weight.",
        [
            ((update, update), "The second is of the sum, and W is not thin."),
            ((whole, whole), "The first is of B A alone: two thin matrices."),
            ((whole, update), "You have them the other way round."),
        ],
        given=tuple(answer),
        guess="no",
    )


EXERCISES = {
    "1": Exercise(with_rank_4),
    "2": Exercise(dead_gradient, YES_NO),
    "3": Exercise(two_ranks, YES_NO),
}
QUESTIONS = {
    "q1": Question(
        """A matrix is 320 by 320. You give LoRA the rank 320. How much do you save over
        training the matrix?""",
        right="b",
        a=(
            "Nothing: as many numbers train as it has.",
            "A alone has as many, and B has as many again.",
        ),
        b=(
            "Less than nothing: twice as many numbers train.",
            "A and B have 320 * 320 numbers each. LoRA pays at small ranks.",
        ),
        c=(
            "Half, for A and B are thin.",
            "At this rank they are not thin: each is as large as the matrix.",
        ),
    ),
    "q2": Question(
        """The adapter_config.json of a trained adapter says lora_alpha = 32. You write
        64 there, and load it without training again. What happens?""",
        right="b",
        a=(
            "Nothing: alpha only matters in training.",
            "It is part of the layer: W x + alpha / r · B·A x, in use as well.",
        ),
        b=(
            "What was learned is added twice as strongly.",
            "alpha / r is a factor before the product, so the answers change.",
        ),
        c=(
            "The rank doubles.",
            "The rank is the number of rows of A, and A stays.",
        ),
    ),
    "q3": Question(
        """You start B with random numbers, too, instead of zeros. What is different
        before the first step?""",
        right="a",
        a=(
            "The model answers differently from the pretrained one.",
            """A random product is added to every matrix. With B at zero, training
            begins at the pretrained model itself.""",
        ),
        b=(
            "Nothing: the product of random numbers is zero on average.",
            "On average it is. The one product that you draw is not.",
        ),
        c=(
            "The gradients are zero.",
            "They are if both A and B are zero. Neither is here.",
        ),
    ),
}
