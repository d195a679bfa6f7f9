"""What a message becomes: tokens and vectors, a padded row, a row to learn from."""

from collections.abc import Sequence

import tiktoken
import torch

from spamft.batches import collate, encode_texts
from spamft.classifier import GPTClassifier
from spamft.diagrams import examples
from spamft.diagrams.drawing import LEFT, RIGHT, Diagram
from spamft.diagrams.examples import TWO_MESSAGES, pieces, small_gpt
from spamft.diagrams.letters import NORMAL, SMALL, fitted, shortened
from spamft.evaluate import IGNORED

__all__ = ["instruction_row", "message_life", "padding"]

MOST = 8  # tokens side by side
CELL = (RIGHT - LEFT) / MOST
CLASSES = 4  # that are shown
CHANCE = "This head is not trained yet: its answer is chance."


def message_life(
    text: str = "Free prize! Call now",
    model: GPTClassifier | None = None,
    tokenizer: tiktoken.Encoding | None = None,
) -> Diagram:
    """From text to probabilities; without a model, the small GPT with a new head."""
    trained, model = model is not None, model or examples.untrained_classifier()
    tokenizer = tokenizer or small_gpt().tokenizer
    ids = encode_texts([text], tokenizer, model.max_length)[0]
    with torch.no_grad():
        device = next(model.parameters()).device
        logits = model(torch.tensor([ids], device=device))[0].cpu()
    chances = [f"{p:.0%}" for p in logits.softmax(-1).tolist()]
    names = [fitted(name, 80) for name in model.label_names]
    channels, depth = model.gpt.config.emb_dim, model.gpt.config.n_layers
    told = ", ".join(map(" ".join, zip(names[:CLASSES], chances, strict=False)))
    drawing = Diagram(
        "message_life",
        "The life of a message",
        f"A message becomes {len(ids)} tokens; each has an id and becomes a vector of "
        f"{channels} numbers. {depth} blocks change the vectors. The head reads the "
        "last token's and gives a logit per class; softmax makes probabilities: "
        f"{told}." + ("" if trained else f" {CHANCE}"),
        545 if trained else 572,
    )
    shown = shortened(list(zip(pieces(ids, tokenizer), ids, strict=True)), MOST)
    cells = [("…", "…") if x is None else (fitted(x[0], CELL), x[1]) for x in shown]
    drawing.box(
        LEFT,
        52,
        RIGHT - LEFT,
        34,
        fitted(text, RIGHT - LEFT - 20, NORMAL),
        color="grey",
    )
    drawing.note(LEFT + CELL, 99, "tokenizer: pieces of text, and their ids")
    drawing.grid(LEFT, 112, list(zip(*cells, strict=True)), CELL, 26)
    drawing.note(LEFT + CELL, 177, f"embedding: {channels} numbers per token")
    drawing.arrow((LEFT + CELL / 2, 86), (LEFT + CELL / 2, 112))
    drawing.arrow((LEFT + CELL / 2, 164), (LEFT + CELL / 2, 190))
    drawing.box(LEFT, 250, max(CELL * len(shown), 112), 34, f"{depth} blocks")
    for j in range(len(shown)):
        x, last = LEFT + CELL * (j + 0.5), j == len(shown) - 1
        drawing.grid(x - 9, 190, [[""]] * 4, 18, 9)
        drawing.arrow((x, 226), (x, 250))
        drawing.arrow((x, 284), (x, 308))
        drawing.grid(x - 9, 308, [[""]] * 4, 18, 9, "orange" if last else "grey")
    drawing.note(max(x - 14, 220), 366, "only the last has read all", "end")
    drawing.arrow((x, 344), (x, 386), color="orange")
    head = f"head: {channels} numbers → {len(logits)} logits"
    drawing.box(LEFT, 386, RIGHT - LEFT, 34, head, color="orange")
    table = [names, [f"{z:.2f}" for z in logits.tolist()], chances]
    cell = (RIGHT - 100) / min(len(names), CLASSES)
    drawing.grid(100, 445, [row[:CLASSES] for row in table], cell, 28, "orange")
    for i, name in enumerate(("class", "logit", "softmax")):
        drawing.note(LEFT, 459 + 28 * i, name)
    for j in range(min(len(names), CLASSES)):
        middle = 100 + cell * (j + 0.5)
        drawing.arrow((middle, 420), (middle, 445), color="orange")
    if not trained:
        drawing.note(LEFT, 548, CHANCE)
    return drawing


def padding(
    texts: Sequence[str] = TWO_MESSAGES, tokenizer: tiktoken.Encoding | None = None
) -> Diagram:
    """Short messages in one batch: padding, mask, and the column that is read."""
    tokenizer = tokenizer or small_gpt().tokenizer
    ids = encode_texts(texts, tokenizer, MOST)
    batch = collate([(tokens, 0) for tokens in ids], tokenizer.eot_token)
    width, lengths = batch.ids.shape[1], batch.lengths.tolist()
    drawing = Diagram(
        "padding",
        "Padding, mask, and the column that is read",
        f"Messages of {' and '.join(map(str, lengths))} tokens, padded on the right to "
        f"{width}. The mask has 1 for a token and 0 for padding. The head reads the "
        "last real token of each row; the last column of a short row is padding.",
        120 + 142 * len(ids),
    )
    for row, (tokens, real) in enumerate(zip(ids, lengths, strict=True)):
        y, x = 76 + 142 * row, LEFT + CELL * (real - 0.5)
        shown = [fitted(piece, CELL) for piece in pieces(tokens, tokenizer)]
        shown += ["pad"] * (width - real)
        colors = {(0, j): "grey" for j in range(real, width)}
        drawing.note(LEFT, y - 16, f"message {row + 1}, {real} tokens, and its mask")
        drawing.grid(
            LEFT, y, [shown], CELL, 30, colors={**colors, (0, real - 1): "orange"}
        )
        mask = [[int(j < real) for j in range(width)]]
        drawing.grid(LEFT, y + 34, mask, CELL, 24, colors=colors)
        drawing.arrow((x, y + 88), (x, y + 58), color="orange")
        drawing.note(x, y + 98, "read", "middle")
        if real < width:
            drawing.note(LEFT + CELL * (width - 0.5), y + 98, "not read", "middle")
    drawing.note(
        *(LEFT, 78 + 142 * len(ids)),
        "Read is the last real token. Tokens look left and\n"
        "padding stands right: no token sees it.",
    )
    return drawing


def instruction_row(
    row: tuple[list[int], list[int]] | None = None,
    tokenizer: tiktoken.Encoding | None = None,
) -> Diagram:
    """A row of an InstructionDataset: what is read, and what the loss counts."""
    ids, labels = row or examples.instruction_row()
    tokenizer = tokenizer or small_gpt().tokenizer
    counted = sum(label != IGNORED for label in labels)
    nexts = [*ids[1:], labels[-1]]  # the token after each, masked or not
    pairs = zip(pieces(ids, tokenizer), pieces(nexts, tokenizer), labels, strict=True)
    shown = shortened([(*pair[:2], pair[2] != IGNORED) for pair in pairs], 14)
    drawing = Diagram(
        "instruction_row",
        "A masked instruction row",
        f"An instruction of {len(ids)} tokens. At each the model predicts the next, "
        f"but the loss counts only {counted}, the answer and its end. The labels of "
        f"the question are masked with {IGNORED}.",
        104 + 26 * len(shown) + 34,
    )
    heads = ((86, "has read up to"), (240, "next token"), (394, "label"))
    for x, head in heads:
        drawing.note(x, 62, head, "middle")
    for i, each in enumerate(shown):
        y, (read, after, counts) = 78 + 26 * i, each or ("⋮", "⋮", False)
        color = "orange" if counts else "grey"
        label = "⋮" if each is None else after if counts else IGNORED
        drawing.box(LEFT, y, 140, 26, fitted(read, 136), size=SMALL, radius=0)
        drawing.arrow((156, y + 13), (170, y + 13), color=color)
        drawing.box(
            170, y, 140, 26, fitted(after, 136), color=color, size=SMALL, radius=0
        )
        drawing.box(
            324, y, 140, 26, fitted(label, 136), color=color, size=SMALL, radius=0
        )
    words = f"{counted} of {len(ids)} labels count in the loss; {IGNORED} is skipped."
    drawing.note(LEFT, 78 + 26 * len(shown) + 24, words)
    return drawing
