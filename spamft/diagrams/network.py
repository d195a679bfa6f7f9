"""What a GPT is made of: a block, attention, the head, and a modern relative."""

from collections.abc import Sequence

from spamft.diagrams.drawing import LEFT, Diagram
from spamft.diagrams.examples import NAMES, AttentionShares, pronoun_shares
from spamft.diagrams.letters import NORMAL, SMALL, fitted
from spamft.gpt import GPTConfig
from spamft.models.llama import LlamaConfig
from spamft.plumbing.errors import SpamftError

__all__ = ["attention", "block", "gpt2_and_llama", "head_swap"]

MOST = 12  # tokens below each other


def block(config: GPTConfig = GPTConfig()) -> Diagram:  # noqa: B008, it is frozen
    """One block of a GPT: attention and MLP, each added to what was there."""
    channels, stream, right = config.emb_dim, 130, 340
    drawing = Diagram(
        "block",
        "A block, and its two additions",
        f"Each token's vector of {channels} numbers goes straight through the block "
        "(the residual connection). Two branches leave it and are added back: layer "
        "normalisation and attention, in which tokens gather from those before them; "
        "then layer normalisation and the MLP, in which each token is changed alone. "
        f"The model has {config.n_layers} such blocks.",
        514,
    )
    drawing.box(LEFT, 52, 228, 34, f"{channels} numbers per token", color="grey")
    drawing.arrow((stream, 86), (stream, 237))
    drawing.arrow((stream, 263), (stream, 407))
    drawing.arrow((stream, 433), (stream, 462))
    drawing.box(LEFT, 462, 228, 34, f"{channels} numbers per token", color="grey")
    inner = f"{channels} → {4 * channels:,} → {channels}"
    branches = (
        (108, "attention", f"{config.n_heads} heads: tokens gather\nfrom those before"),
        (278, "MLP", f"each token alone:\n{inner}"),
    )
    for y, name, words in branches:
        drawing.arrow((stream, y), (right, y), (right, y + 14))
        drawing.box(right - 124, y + 14, 248, 28, "layer normalisation", size=SMALL)
        drawing.arrow((right, y + 42), (right, y + 58))
        drawing.box(right - 124, y + 58, 248, 66, f"{name}\n{words}", size=SMALL)
        drawing.arrow((right, y + 124), (right, y + 142), (stream + 13, y + 142))
        drawing.plus(stream, y + 142)
        drawing.note(
            stream - 14, y + 60, "residual\nconnection:\nwhat was\nthere stays", "end"
        )
    drawing.note(
        260, 470, f"{config.n_layers} blocks like this one,\none after the other"
    )
    return drawing


def attention(example: AttentionShares | None = None) -> Diagram:
    """What one token gathers, from which tokens; those after it are out of reach."""
    tokens, shares, where = example or pronoun_shares()
    if not 1 <= len(shares) <= len(tokens) <= MOST:
        raise SpamftError(
            f"{len(tokens)} tokens and {len(shares)} shares: give at most {MOST} "
            "tokens and a share for each up to the one that looks"
        )
    place, most = len(shares) - 1, max(shares)
    strongest = sorted(range(len(shares)), key=lambda i: -shares[i])[:3]
    told = ", ".join(f"{tokens[i]} {shares[i]:.0%}" for i in strongest)
    bottom = 76 + 34 * len(tokens)
    drawing = Diagram(
        "attention",
        f"The attention of one token: “{fitted(tokens[place], 100)}”",
        f"{where}: the token {tokens[place]} gathers from itself and the tokens before "
        f"it, most from {told}. Later tokens are masked. The shares add up to 100 %.",
        bottom + 70,
    )
    drawing.note(LEFT, 56, where)
    for i, token in enumerate(tokens):
        y = 76 + 34 * i
        color = "orange" if i == place else "blue" if i < place else "grey"
        drawing.box(
            LEFT, y, 110, 28, fitted(token, 106, NORMAL), color=color, dashed=i > place
        )
        if i > place:
            drawing.note(142, y + 14, "comes later: masked")
            continue
        width = round(250 * shares[i] / most)
        drawing.box(142, y + 3, max(width, 1), 22, color="orange", radius=0)
        drawing.text(150 + width, y + 14, f"{shares[i]:.0%}", anchor="start")
    drawing.note(
        *(LEFT, bottom + 14),
        "query · key of each, then softmax: shares that add up to 100 %.\n"
        "The token gathers that share of every token's value.",
    )
    return drawing


def head_swap(
    config: GPTConfig = GPTConfig(),  # noqa: B008, it is frozen
    label_names: Sequence[str] = NAMES,
) -> Diagram:
    """Before: one output per token of the vocabulary. After: one per class."""
    channels, vocabulary, classes = config.emb_dim, config.vocab_size, len(label_names)
    drawing = Diagram(
        "head_swap",
        "The head swap",
        f"Left, the pretrained GPT: after its blocks a layer gives {vocabulary:,} "
        "logits, one per token of the vocabulary. Right, the classifier: the same "
        f"blocks, and a new head that gives {classes} logits, one per class.",
        440,
    )
    sides = (
        (120, "pretrained", "predicts the next token", "grey", vocabulary, 0),
        (360, "classifier", "predicts the class", "orange", classes, classes),
    )
    for x, name, does, color, outputs, biases in sides:
        drawing.text(x, 62, name, bold=True)
        drawing.box(x - 100, 82, 200, 30, "embedding", size=SMALL)
        drawing.arrow((x, 112), (x, 130))
        drawing.box(
            x - 100, 130, 200, 60, f"{config.n_layers} blocks\n{channels} channels"
        )
        drawing.arrow((x, 190), (x, 208))
        drawing.box(x - 100, 208, 200, 30, "final norm", size=SMALL)
        drawing.arrow((x, 238), (x, 262), color=color)
        size = f"{channels} × {outputs:,}" + (f" + {biases}" if biases else "")
        layer = "new head" if biases else "output layer"
        drawing.box(x - 100, 262, 200, 56, f"{layer}\n{size}", color=color)
        drawing.arrow((x, 318), (x, 342), color=color)
        drawing.text(x, 356, f"{outputs:,} logits")
        drawing.note(x, 378, does, "middle")
    drawing.line((240, 52), (240, 388), dashed=True)
    drawing.note(
        *(LEFT, 400),
        "The output layer is the embedding, used a second time.\n"
        "As the embedding it stays; above, the head takes its place.",
    )
    return drawing


def gpt2_and_llama(
    gpt2: GPTConfig = GPTConfig(),  # noqa: B008, it is frozen
    llama: LlamaConfig = LlamaConfig(),  # noqa: B008, it is frozen
) -> Diagram:
    """The same road through two architectures; what differs is marked."""
    drawing = Diagram(
        "gpt2_and_llama",
        "GPT-2 beside Llama",
        f"Both: embedding, {gpt2.n_layers} or {llama.n_layers} blocks of attention and "
        "MLP with two additions, final norm, output. Llama differs: positions are told "
        "by rotating queries and keys instead of adding a vector, RMSNorm instead of "
        "layer normalisation, query heads share keys and values, SwiGLU instead of "
        "GELU, no biases.",
        644,
    )
    heads = (
        f"{gpt2.n_heads} heads, each with its\nown keys and values",
        f"{llama.n_heads} query heads share\n{llama.n_kv_heads} of keys and values,\n"
        "rotated by position",
    )
    mlps = (
        f"MLP: GELU\n{gpt2.emb_dim} → {4 * gpt2.emb_dim:,} → {gpt2.emb_dim}",
        f"MLP: SwiGLU\n{llama.emb_dim} → {llama.hidden_dim:,} → {llama.emb_dim}",
    )
    columns = (
        (128, "GPT-2", gpt2, "+ position vector", "layer normalisation"),
        (352, "Llama (SmolLM2)", llama, "no position vector", "RMSNorm"),
    )
    for i, (x, name, size, positions, norm) in enumerate(columns):
        own = ("blue", "orange")[i]  # of what differs
        steps = (
            (f"embedding\n{size.vocab_size:,} × {size.emb_dim}", 46, "blue"),
            (positions, 30, own),
            (norm, 30, own),
            (f"attention\n{heads[i]}", 84, own),
            ("added to what was there", 30, "blue"),
            (norm, 30, own),
            (mlps[i], 46, own),
            ("added to what was there", 30, "blue"),
            (f"final {norm}", 30, own),
            ("output: a logit per token", 30, "blue"),
        )
        drawing.text(x, 58, name, bold=True)
        y = 76
        for words, height, color in steps:
            if y > 76:
                drawing.arrow((x, y - 14), (x, y))
            drawing.box(x - 108, y, 216, height, words, color=color, size=SMALL)
            y += height + 14
    drawing.note(
        *(LEFT, y + 8),
        "From the first norm to the second addition is a block:\n"
        f"{gpt2.n_layers} of them, and {llama.n_layers}. Llama has no biases.",
    )
    return drawing
