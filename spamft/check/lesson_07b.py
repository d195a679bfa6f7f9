"""Questions and exercises of notebook 7b, learning rate and overfitting."""

import math

from torch.nn import functional as F

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.plumbing.bookkeeping import BestWeights

__all__ = ["EXERCISES", "QUESTIONS"]


def patience(answer, losses) -> Law:
    """With patience 2, after how many evaluations does the training end?"""
    best, ended = BestWeights([], 2), 0
    for loss in losses:
        best.note(loss)
        ended += 1
        if best.are_past:
            break
    return Law(
        (ended, best.loss),
        f"{best.loss:g} was the lowest, and two evaluations brought nothing better. "
        "What would have come later nobody knows.",
        "Count the evaluations since the lowest loss so far; end when there are two.",
        [
            (
                (len(losses), min(losses)),
                "That looks ahead. A training that has ended does not see what would "
                "have come.",
            ),
            (
                (ended, losses[ended - 1]),
                "It ends there, but the weights of the lowest loss are put back.",
            ),
            (
                (ended - 1, best.loss),
                "One evaluation without a better loss is not yet two.",
            ),
        ],
        given=tuple(answer),
        guess=ended,
    )


def nudge(answer, logits, labels) -> Law:
    """Can a logit be raised so that no prediction changes, and the loss does?"""
    before = logits.detach().double()
    after = before.clone()
    after[:, 1] += float(answer)
    same = bool((after.argmax(-1) == before.argmax(-1)).all())
    first, now = (F.cross_entropy(each, labels).item() for each in (before, after))
    moved = not math.isclose(first, now, rel_tol=1e-12)
    return Law(
        (True, True, True),
        f"Accuracy stands still, the loss moves from {first:.6f} to {now:.6f}: that is "
        "its slope.",
        "By how much does the larger logit lead, where it leads least? Take less.",
        [
            (
                (True, False, False),
                "Nothing moved at all. Take a number that is not 0.",
            ),
            (
                (True, True, False),
                "That lowers the logit. Raise it: take a number above 0.",
            ),
            (
                (False, True, True),
                "Some prediction has changed: that is a step of the stair. Take less.",
            ),
        ],
        given=(same, moved, float(answer) > 0),
        guess="yes",
    )


def half(answer, whole, messages) -> Law:
    """Trained on half the messages, is the lowest validation loss higher or lower?"""
    seen = answer[-1].examples / answer[-1].epoch  # per epoch
    given = (abs(seen - messages / 2) <= 16, answer[-1].lr == whole[-1].lr)
    lowest, of_all = (min(r.validation_loss for r in each) for each in (answer, whole))
    why = "more messages are the best remedy for overfitting."
    if lowest <= of_all:
        why = "here half did as well. One run on few messages can do that by chance."
    return Law(
        (True, True),
        f"{lowest:.3f} with half of them, {of_all:.3f} with all: {why}",
        "make_loader(cached.train, 8, batches=len(cached.train) // 16), with neither "
        "shuffle nor drop_last, then fit.",
        [
            ((False, True), f"It saw {seen:.0f} messages per epoch, not half of them."),
            (
                (True, False),
                "Its learning rate is another: change one thing at a time.",
            ),
        ],
        given=given,
        guess=("higher" if lowest > of_all else "lower") if all(given) else None,
    )


EXERCISES = {
    "1": Exercise(patience),
    "2": Exercise(nudge, YES_NO),
    "3": Exercise(half, ("higher", "lower")),
}
QUESTIONS = {
    "q1": Question(
        """You train at forty learning rates, take the one with the best test accuracy,
        and report that accuracy. What is it worth?""",
        right="a",
        a=(
            "It is too good: the test part has chosen.",
            """The best of forty is partly the luckiest of forty. Let the validation
            part choose, and ask the test part once.""",
        ),
        b=(
            "It is fair, for no model was trained on the test part.",
            """No weight was, but the rate was chosen on it, and that is a kind of
            training, too.""",
        ),
        c=(
            "It is too low, as most of the forty rates were bad ones.",
            "The bad ones are not reported. The best is, and that is the trouble.",
        ),
    ),
    "q2": Question(
        """After five epochs both losses are high, close together, and still falling.
        What helps most?""",
        right="c",
        a=(
            "More weight decay.",
            """That holds a model back which learns too much. This one has learned too
            little.""",
        ),
        b=(
            "Early stopping with a patience of 1.",
            "As long as validation loss falls it stops nothing.",
        ),
        c=(
            "A larger learning rate.",
            "It underfits: larger steps, or more of them, lead further down.",
        ),
    ),
    "q3": Question(
        """Somebody measures accuracy on a million messages, so that its stair has a
        million tiny steps, and wants to minimise 1 - accuracy by its gradient. Does
        that work?""",
        right="c",
        a=(
            "Yes, nearly: the steps are too small to matter.",
            "A tiny step is as level as a large one, so its gradient is 0, too.",
        ),
        b=(
            "Yes, but it takes a million times as long.",
            """Not slowly but not at all: a gradient of 0 moves no weight, however many
            steps are taken.""",
        ),
        c=(
            "No: wherever there is a gradient, it is 0.",
            """Between two edges nothing changes, and at an edge there is no slope.
            Finer stairs are stairs.""",
        ),
    ),
}
