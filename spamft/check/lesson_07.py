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
        "Compare model.gpt.blocks[i] with untrained.gpt.blocks[i], for every i.",
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
    guess = None
    if all(given):
        alone, block = (evaluate(each, new).accuracy for each in (answer, model))
        guess = "higher" if alone > block else "lower"
    return Law(
        (True, True),
        "The head learned, and can only weigh what the frozen body gives it.",
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
            "Each step overshoots, and the next gradient is that of another place.",
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
        """Training loss falls, and validation loss has risen for two epochs. You train
        five epochs more. What is most likely?""",
        right="b",
        a=(
            "Validation loss follows the training loss down.",
            "They have parted: what is still learned holds for training messages only.",
        ),
        b=(
            "The gap grows: the model learns training messages by heart.",
            """That is overfitting. Stop earlier, which is what `patience` does, or get
            more messages.""",
        ),
        c=(
            "Accuracy on validation falls to that of a coin.",
            """A loss can rise while accuracy stays: the same answers are wrong, and
            surer.""",
        ),
    ),
}
