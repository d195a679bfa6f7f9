"""How a model learns: one step, the trunk that is kept, LoRA, and four bits a number."""

from collections.abc import Sequence

import torch
from torch import Tensor

from spamft.diagrams.drawing import LEFT, RIGHT, SMALL, Diagram
from spamft.diagrams.examples import sixty_four_weights
from spamft.methods.nf4 import BLOCK, nf4_levels, quantize
from spamft.plumbing.errors import SpamftError

__all__ = ["lora", "nf4", "training_step", "trunk"]


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
        f"without the trunk {blocks} · {epochs} = {cost}. The result is the same.",
    )
    return drawing


def lora(rows: int = 768, columns: int = 768, rank: int = 16) -> Diagram:
    """W stays; B A, two thin matrices, is added to it."""
    large, small = rows * columns, rank * (rows + columns)
    drawing = Diagram(
        "lora",
        "LoRA: W + B A",
        f"The input x goes two ways. Through W, {rows} by {columns}, frozen, {large:,} "
        f"numbers. And through A, {rank} by {columns}, then B, {rows} by {rank}, which "
        f"train, {small:,} numbers. Both results are added. B starts at zero.",
        474,
    )
    drawing.box(200, 52, 80, 34, "x", color="grey")
    drawing.arrow((220, 86), (220, 104), (100, 104), (100, 128))
    drawing.arrow((260, 86), (260, 104), (360, 104), (360, 128))
    drawing.box(LEFT, 128, 168, 168, f"W, frozen\n{rows} × {columns}", radius=0)
    drawing.box(276, 128, 168, 28, f"A: {rank} × {columns}", color="orange", radius=0)
    drawing.arrow((360, 156), (360, 176))
    drawing.box(346, 176, 28, 120, "B", color="orange", radius=0)
    drawing.note(384, 226, f"{rows} × {rank},\nstarts at 0")
    drawing.note(338, 236, f"rank {rank}", "end")
    drawing.arrow((100, 296), (100, 344), (227, 344))
    drawing.arrow((360, 296), (360, 344), (253, 344))
    drawing.plus(240, 344)
    drawing.note(368, 324, "times α / r")
    drawing.arrow((240, 357), (240, 380))
    drawing.box(130, 380, 220, 34, "W x + (α / r) B A x", color="grey")
    drawing.note(
        *(LEFT, 434),
        f"{small:,} numbers train instead of {large:,}.\n"
        "Afterwards W + (α / r) B A is one matrix again.",
    )
    return drawing


def nf4(weights: Tensor | Sequence[float] | None = None) -> Diagram:
    """64 numbers become 32 bytes and a scale."""
    weights = sixty_four_weights() if weights is None else torch.as_tensor(weights)
    if weights.numel() != BLOCK or not weights.isfinite().all():
        raise SpamftError(f"{weights.numel()} weights: give {BLOCK} finite numbers")
    weights = weights.detach().float().cpu().flatten()
    codes = quantize(weights)["codes"].tolist()
    largest = weights.abs().argmax().item()
    scale = weights[largest].abs().item()
    (first, second), byte = weights[:2].tolist(), f"{codes[0]:02X}"
    drawing = Diagram(
        "nf4",
        "NF4: 64 numbers become 32 bytes and a scale",
        f"64 weights are divided by the largest, {scale:.3f}, and each becomes the "
        "nearest of 16 levels, a code of 4 bits, 0 to F. Two codes are a byte: 32 bytes, "
        "and one for the scale, instead of 256 bytes.",
        620,
    )
    rows = [[f"{w:.2f}" for w in row] for row in weights.view(8, 8).tolist()]
    drawing.note(LEFT, 58, "64 weights, 4 bytes each: 256 bytes")
    drawing.grid(LEFT, 72, rows, 56, 26, colors={divmod(largest, 8): "orange"})
    drawing.arrow((44, 280), (44, 318))
    drawing.note(60, 299, f"divide by the largest, {scale:.3f}; take the nearest level")
    _levels(drawing, 346)
    drawing.arrow((44, 398), (44, 428))
    drawing.note(
        60,
        413,
        f"{first:.2f} → {byte[0]} and {second:.2f} → {byte[1]}: the byte {byte}",
    )
    pairs = [[f"{code:02X}" for code in codes[i : i + 8]] for i in range(0, 32, 8)]
    drawing.grid(LEFT, 428, pairs, 56, 26)
    drawing.box(LEFT, 544, 168, 28, f"scale {scale:.3f}", color="orange", size=SMALL)
    drawing.note(196, 558, "1 byte more (kept in 8 bits)")
    drawing.note(LEFT, 596, "256 bytes → 33: 0.516 bytes per number")
    return drawing


def _levels(drawing: Diagram, y: float) -> None:
    """The 16 levels on a line from -1 to 1, and the codes of every third."""
    drawing.line((LEFT + 20, y), (RIGHT - 20, y))
    for code, level in enumerate(nf4_levels().tolist()):
        x = 240 + level * (RIGHT - LEFT - 40) / 2
        drawing.line((x, y - 9), (x, y + 9), color="blue", width=2.5)
        if code in (0, 3, 7, 11, 15):
            drawing.note(x, y + 22, f"{code:X}", "middle")
            drawing.note(x, y + 40, f"{level:.2f}", "middle")
