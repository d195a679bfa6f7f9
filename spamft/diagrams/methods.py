"""The methods of finetuning: the family, LoRA, and four bits a number."""

from collections.abc import Sequence

import torch
from torch import Tensor

from spamft.diagrams.drawing import LEFT, RIGHT, Diagram
from spamft.diagrams.examples import sixty_four_weights
from spamft.diagrams.letters import SMALL
from spamft.methods.nf4 import BLOCK, nf4_levels, quantize
from spamft.plumbing.errors import SpamftError

__all__ = ["finetuning_kinds", "lora", "nf4"]


def finetuning_kinds() -> Diagram:
    """From a pretrained GPT to what it is to say, and to how much of it trains."""
    drawing = Diagram(
        "finetuning_kinds",
        "Two kinds of task, five methods",
        "A pretrained GPT is finetuned to one of two kinds of task: classification, "
        "which gives one of a set of labels, or instructions, which gives an answer in "
        "words. For either, one of five methods: all parameters, the last block, the "
        "head alone, LoRA, or QLoRA.",
        476,
    )
    drawing.box(130, 54, 220, 34, "pretrained GPT", color="grey")
    kinds = ("classification\nanswers: spam", "instructions\nanswers: It is spam.")
    for x, words in zip((LEFT, 248), kinds, strict=True):
        drawing.arrow((x + 108, 104), (x + 108, 124))
        drawing.box(x, 124, 216, 58, words)
        drawing.line((x + 108, 182), (x + 108, 198))
    drawing.line((240, 88), (240, 104))
    drawing.line((124, 104), (356, 104))
    drawing.line((LEFT + 60, 198), (356, 198))
    drawing.arrow((LEFT + 60, 198), (LEFT + 60, 240))
    drawing.note(150, 224, "either, by one of these")
    methods = (
        ("full", "all parameters train"),
        ("last block", "it, the last norm and the head"),
        ("head", "the new last layer alone"),
        ("LoRA", "thin matrices beside frozen ones"),
        ("QLoRA", "the same, frozen ones in 4 bits"),
    )
    for i, (name, words) in enumerate(methods):
        drawing.box(LEFT, 240 + 44 * i, 120, 36, name, color="orange")
        drawing.note(150, 258 + 44 * i, words)
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
    byte = f"{codes[0]:02X}"
    drawing = Diagram(
        "nf4",
        "NF4: 64 numbers become 32 bytes and a scale",
        f"64 weights are divided by the largest, {scale:.3g}, and each becomes the "
        "nearest of 16 levels, a code of 4 bits, 0 to F. Two codes are a byte: 32 "
        "bytes, and one for the scale, instead of 256 bytes.",
        620,
    )
    form = ".2f" if 0.01 <= scale < 100 else ".0e"
    rows = [[f"{w:{form}}" for w in row] for row in weights.view(8, 8).tolist()]
    drawing.note(LEFT, 58, "64 weights, 4 bytes each: 256 bytes")
    drawing.grid(LEFT, 72, rows, 56, 26, colors={divmod(largest, 8): "orange"})
    drawing.arrow((44, 280), (44, 318))
    drawing.note(60, 299, f"divide by the largest, {scale:.3g}; take the nearest level")
    _levels(drawing, 346)
    drawing.arrow((44, 398), (44, 428))
    drawing.note(
        60,
        413,
        f"{rows[0][0]} → {byte[0]} and {rows[0][1]} → {byte[1]}: the byte {byte}",
    )
    pairs = [[f"{code:02X}" for code in codes[i : i + 8]] for i in range(0, 32, 8)]
    drawing.grid(LEFT, 428, pairs, 56, 26)
    drawing.box(LEFT, 544, 168, 28, f"scale {scale:.3g}", color="orange", size=SMALL)
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
