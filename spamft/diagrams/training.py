"""How a model learns: one step, what of it need not be repeated, and when to stop."""

from spamft.diagrams.drawing import LEFT, RIGHT, Diagram
from spamft.plumbing.errors import SpamftError

__all__ = ["early_stopping", "training_step", "trunk"]


def training_step(batch_size: int = 8) -> Diagram:
    """One step of training, which is repeated until the epochs are over."""
    drawing = Diagram(
        "training_step",
        "One step of training",
        f"A batch of {batch_size} messages goes through the model, which gives logits. "
        "The loss compares them with the labels. Backpropagation gives every parameter "
        "that trains a gradient, and the optimizer changes it a little against the "
        "gradient. Then the next batch.",
        400,
    )
    steps = (
        (f"a batch of {batch_size} messages", "", "grey"),
        ("model: logits", "forward", "blue"),
        ("loss: how wrong, one number", "compare with the labels", "blue"),
        ("gradients: which way is up", "backward (backpropagation)", "orange"),
        ("optimizer: a step down", "size: the learning rate", "orange"),
    )
    for i, (words, between, color) in enumerate(steps):
        y = 54 + 68 * i
        drawing.box(LEFT, y, 340, 36, words, color=color)
        if between:
            drawing.arrow((186, y - 32), (186, y))
            drawing.note(202, y - 16, between)
    drawing.arrow((356, 344), (420, 344), (420, 140), (356, 140), color="orange")
    drawing.note(LEFT, 382, "Then the next batch; all of them once are an epoch.")
    return drawing


def trunk(blocks: int = 12, trained: int = 1, epochs: int = 5) -> Diagram:
    """What is frozen runs once and is kept; what trains runs in every epoch."""
    if not 0 < trained < blocks:
        raise SpamftError(f"{trained=} of {blocks=}: leave at least one frozen below")
    frozen = blocks - trained
    below = "the first block" if frozen == 1 else f"the first {frozen} blocks"
    top = "the last block" if trained == 1 else f"the last {trained} blocks"
    cost, kept = blocks * epochs, frozen + trained * epochs
    drawing = Diagram(
        "trunk",
        "Trunk and top: run once, and kept",
        f"The {frozen} frozen blocks give the same result in every epoch. So they run "
        f"once, and their output is kept. Only {top}, the final norm and the head run "
        f"in all {epochs} epochs: {kept} block passes instead of {cost}.",
        420,
    )
    drawing.box(LEFT, 54, 300, 34, "all messages", color="grey")
    drawing.arrow((166, 88), (166, 112))
    drawing.box(LEFT, 112, 300, 62, f"trunk: {below}\nfrozen")
    drawing.note(332, 143, "runs once")
    drawing.arrow((166, 174), (166, 198))
    drawing.box(LEFT, 198, 300, 44, "kept: a vector per token", color="grey")
    drawing.arrow((166, 242), (166, 266), color="orange")
    drawing.box(
        LEFT,
        266,
        300,
        62,
        f"top: {top},\nfinal norm, head",
        color="orange",
    )
    drawing.arrow((316, 312), (352, 312), (352, 282), (316, 282), color="orange")
    drawing.note(364, 297, f"trains:\n{epochs} epochs")
    drawing.note(
        LEFT,
        356,
        f"Forward passes of a block: {frozen} + {trained} · {epochs} = {kept},",
    )
    drawing.note(
        LEFT,
        376,
        f"without the trunk {blocks} · {epochs} = {cost}. The results agree.",
    )
    return drawing


def early_stopping(patience: int = 3) -> Diagram:
    """Two learning curves that part, and the point to which one goes back."""
    if not 1 <= patience <= 6:
        raise SpamftError(f"{patience=} must lie in 1..6 to be drawn")
    drawing = Diagram(
        "early_stopping",
        "Underfitting, overfitting, early stopping",
        "Two curves of the loss over epochs, drawn by hand. Training loss falls all "
        "the way. Validation loss falls with it, has its lowest point after epoch 4, "
        "and rises. Before that point the model underfits, after it overfits. With "
        f"patience {patience} the training ends after epoch {4 + patience}, and the "
        "weights of epoch 4 are put back.",
        404,
    )
    left, ground, step = 64, 318, 38  # where epoch 0 is, loss 0, and one epoch
    train = (226, 166, 116, 84, 60, 44, 32, 24, 18, 14, 11)  # heights over the ground
    validation = (228, 178, 142, 122, 114, 120, 132, 146, 158, 169, 178)
    best, end = left + 4 * step, left + (4 + patience) * step
    # the right part lies on the whole, so that both curves go on over its edge
    high, right = ground - 54, left + 10 * step + 6
    drawing.box(left - 6, 54, right - left + 6, high, color="grey", radius=0)
    drawing.box(best - 0.5, 54, right - best + 0.5, high, color="orange", radius=0)
    drawing.text((left + best) / 2, 74, "underfitting", bold=True)
    drawing.text((best + right) / 2, 74, "overfitting", bold=True)
    for heights, color in ((train, "blue"), (validation, "orange")):
        points = [(left + i * step, ground - h) for i, h in enumerate(heights)]
        drawing.line(*points, color=color, width=3, dashed=color == "orange")
    drawing.line((best, 56), (best, ground - 2), color="ink", width=2)
    drawing.line((end, 112), (end, ground - 2), color="ink", dashed=True)
    drawing.arrow((end, 116), (best, 116), color="ink")
    drawing.note(right - 8, 97, f"patience {patience}", anchor="end")
    for i in (0, 4, 4 + patience):
        drawing.text(left + i * step, ground + 16, i, size=12)
    drawing.text(34, 190, "loss")
    drawing.line((left, 352), (left + 30, 352), color="blue", width=3)
    drawing.note(left + 38, 352, "training")
    drawing.line((178, 352), (208, 352), color="orange", width=3, dashed=True)
    drawing.note(216, 352, "validation")
    drawing.text(RIGHT - 20, 352, "epochs", anchor="end")
    drawing.note(LEFT, 382, "The weights of the lowest validation loss are put back.")
    return drawing
