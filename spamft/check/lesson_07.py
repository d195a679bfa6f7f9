"""Questions and exercises of notebook 7, finetune."""

import torch

from spamft.batches import make_bucketed_loader
from spamft.check.exercise import Exercise, Law, Question
from spamft.evaluate import evaluate

__all__ = ["EXERCISES", "QUESTIONS"]


def steps(answer, history, train_loader, config) -> Law:
    """How many optimizer steps did the run take?"""
    messages = len(train_loader.dataset)
    return Law(
        history[-1].step,
        "One step per batch, and every batch once per epoch.",
        "len(train_loader) batches, config.epochs times. (A stopped run has fewer.)",
        [
            (
                messages * config.epochs,
                "You counted messages. A step follows a whole batch of them.",
            ),
            (len(train_loader), "That is one epoch; each batch comes once per epoch."),
            (len(history), "Those are the records: it was not evaluated every step."),
        ],
    )


def moved_blocks(answer, model) -> Law:
    """In how many blocks do the weights differ from those before training?"""
    L = model.gpt.config.n_layers
    return Law(
        {L - 1},
        "All other blocks were frozen: no gradient, no step.",
        "The set of the indices, from 0: for every i compare the parameters of "
        "model.gpt.blocks[i] and untrained.gpt.blocks[i] by torch.equal.",
        [
            (
                set(range(L)),
                "Frozen blocks do not move, though the message passes through them.",
            ),
            ({0}, "The last block trains, next to the head; the first is far below."),
            ({L}, "Blocks are counted from 0."),
        ],
        given=set(answer),
        guess=1,
    )


def head_only(answer, untrained, model, encoded) -> Law:
    """If only the head trains, is the test accuracy higher or lower?"""
    pairs = zip(answer.gpt.parameters(), untrained.gpt.parameters(), strict=True)
    still = all(torch.equal(a, b) for a, b in pairs)
    seen, new = (make_bucketed_loader(each) for each in (encoded.train, encoded.test))
    first, now = (evaluate(each, seen).loss for each in (untrained, answer))
    given = (still, now < first)
    guess, because = None, ""
    if all(given):
        alone, block = (evaluate(each, new).accuracy for each in (answer, model))
        guess = "higher" if alone > block else "lower"
        because = (
            f"{alone:.1%} of the test part with the head alone, {block:.1%} with the "
            "last block: the head can only weigh what the frozen body gives it."
        )
    return Law(
        (True, True),
        because,
        "A copy of untrained, set_trainable(..., 'head'), then cache_trunk and fit.",
        [
            (
                (False, True),
                "Its body is not the untrained one. Copy `untrained`, not `model`.",
            ),
            (
                (True, False),
                "Its head has not learned: the loss on train is that of before.",
            ),
        ],
        given=given,
        guess=guess,
    )


EXERCISES = {
    "1": Exercise(steps),
    "2": Exercise(moved_blocks),
    "3": Exercise(head_only, ("higher", "lower")),
}
QUESTIONS = {
    "q1": Question(
        """You raise the learning rate a thousandfold and leave the rest. What do you
        expect of the training loss?""",
        right="a",
        a=(
            "It jumps about and stays high.",
            """Each step is so long that it ends on another slope. There the gradient
            points elsewhere.""",
        ),
        b=(
            "The same curve: AdamW adapts the step to the gradient.",
            """AdamW divides by the gradient's usual size, so that a step is about as
            long as the learning rate says. It does not choose that rate.""",
        ),
        c=(
            "It falls as before, in a thousandth of the steps.",
            """A gradient points downhill only nearby. A step a thousand times as long
            ends on another slope.""",
        ),
    ),
    "q2": Question(
        "You forget `optimizer.zero_grad()` in the loop. What happens?",
        right="a",
        a=(
            "Each step follows the sum of the gradients of all batches so far.",
            """`backward` adds to what is there. No error, and old batches, computed
            with old weights, go on pulling.""",
        ),
        b=(
            "PyTorch raises an error at the second batch.",
            "Adding up gradients is allowed, and useful for a batch in pieces.",
        ),
        c=(
            "Nothing: `backward` computes the gradient anew.",
            "It computes it anew and adds it to the one that is there.",
        ),
    ),
    "q3": Question(
        """After five epochs the training losses were 0.60, 0.35, 0.20, 0.08 and 0.02,
        and the validation losses 0.55, 0.41, 0.36, 0.39 and 0.47. Whose weights do you
        keep?""",
        right="b",
        a=(
            "Those of epoch 5.",
            """They are the best on messages that it has seen. On others they are worse
            than those of epochs 2, 3 and 4.""",
        ),
        b=(
            "Those of epoch 3.",
            """There it is best on messages that it has not trained on. Later it learns
            what holds for the training messages alone, which is overfitting.""",
        ),
        c=(
            "Those of epoch 1, where the two are closest.",
            """Close losses say that it has learned nothing by heart. They do not say
            that it has learned much.""",
        ),
    ),
}
