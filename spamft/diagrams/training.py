"""How a model learns: one step, and what of it need not be repeated."""

from spamft.diagrams.drawing import LEFT, Diagram
from spamft.plumbing.errors import SpamftError

__all__ = ["training_step", "trunk"]


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
    top = f"block{'s' if trained > 1 else ''} {frozen + 1}"
    top += f" to {blocks}" if trained > 1 else ""
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
    drawing.box(
        LEFT, 112, 300, 62, f"trunk: blocks 1 to {frozen}\nfrozen".replace("\\\n", "\n")
    )
    drawing.note(332, 143, "runs once")
    drawing.arrow((166, 174), (166, 198))
    drawing.box(LEFT, 198, 300, 44, "kept: a vector per token", color="grey")
    drawing.arrow((166, 242), (166, 266), color="orange")
    drawing.box(
        LEFT,
        266,
        300,
        62,
        f"top: {top},\nfinal norm, head".replace("\\\n", "\n"),
        color="orange",
    )
    drawing.arrow((316, 311), (352, 311), (352, 220), (316, 220), color="orange")
    drawing.note(364, 256, f"trains:\n{epochs} epochs".replace("\\\n", "\n"))
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
