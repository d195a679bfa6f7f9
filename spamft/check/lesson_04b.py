"""Questions and exercises of notebook 4b, pretrained weights."""

import re

import torch
from torch.nn import functional as F

from spamft.check.exercise import YES_NO, Exercise, Law, Question

__all__ = ["EXERCISES", "QUESTIONS"]


def perplexity(answer) -> Law:
    """The next tokens have probability 1/2, 1/4 and 1/8: what is the perplexity?"""
    return Law(
        4.0,
        "The mean of -ln(p) is 2 ln 2. It is as if the model hesitated among four.",
        "e to the power of the mean of -ln(p).",
        [
            (
                3 / (1 / 2 + 1 / 4 + 1 / 8),
                "You took one over the mean probability. The logarithms are averaged.",
            ),
            ((2 + 4 + 8) / 3, "The mean of 1/p. The logarithms are averaged."),
            (1.3862944, "That is the loss. The perplexity is e to that power."),
            (64.0, "That is one over the product: of the whole text, not per token."),
        ],
    )


def jumbled(answer, text, loss, gpt) -> Law:
    """Is English with its words in another order as likely as before?"""
    words = _words(answer) == _words(text)
    return Law(
        (True, True),
        "The loss rises: the model has learned an order, not a bag of words.",
        "' '.join(sorted(text.split())) keeps all words and spoils the order.",
        [
            (
                (True, False),
                "Its loss is not higher. Is the order really another one?",
            ),
            ((False, True), "The words must be the same; only their order changes."),
        ],
        given=(words, loss(gpt, answer) > loss(gpt, text)),
        guess="no",
    )


def without_a_block(answer, text, tokenizer, gpt) -> Law:
    """Does the loss rise most without the first or without the last block?"""
    device = next(gpt.blocks.parameters()).device
    ids = torch.tensor([tokenizer.encode_ordinary(text)], device=device)
    right = [_loss_without(gpt, ids, number) for number in range(len(gpt.blocks))]
    return Law(
        right,
        "Each block adds to what those before it gave. The later ones were trained on "
        "what the first adds.",
        "x = gpt.embed(ids), then every block but one, then gpt.final_norm and "
        "gpt.logits; the loss as in the page.",
        [
            ([_loss_without(gpt, ids, None)] * len(right), "No block is left out."),
            (right[::-1], "Start with block 0."),
            (
                [_loss_without(gpt, ids, n, alone=True) for n in range(len(right))],
                "You kept one block and left out the others.",
            ),
        ],
        given=[float(each) for each in answer],
        guess="first" if right[0] > right[-1] else "last",
    )


@torch.no_grad()
def _loss_without(gpt, ids, left_out, alone=False) -> float:
    x = gpt.embed(ids)
    for number, block in enumerate(gpt.blocks):
        if (number == left_out) == alone:
            x = block(x)
    logits = gpt.logits(gpt.final_norm(x))[0, :-1]
    return F.cross_entropy(logits, ids[0, 1:]).item()


def _words(text: str) -> list[str]:
    """The words in the order of the alphabet, without what stands between them."""
    return sorted(re.findall(r"\w+", text.lower()))


EXERCISES = {
    "1": Exercise(perplexity),
    "2": Exercise(jumbled, YES_NO),
    "3": Exercise(without_a_block, ("first", "last")),
}
QUESTIONS = {
    "q1": Question(
        """You load the pretrained weights, and then shuffle the rows of the
        token embedding. What happens to the loss of plain English?""",
        right="a",
        a=(
            "It rises far above that of the pretrained model.",
            """Each id now brings another token's vector, so to the blocks the text is
            nonsense. Which vector belongs to which token was learned, too.""",
        ),
        b=(
            "It stays: no number was lost.",
            "None was, but a row is found by its place, and the places changed.",
        ),
        c=(
            "It stays: the same table is used at the output, so it cancels.",
            """At the output a wrong row stands for the true next token, too. Two wrongs
            do not undo each other.""",
        ),
    ),
    "q2": Question(
        """Somebody loads a GPT-2 file and forgets to transpose one layer, the
        attention's `out`, which is C x C. What happens?""",
        right="b",
        a=(
            "An error: the shapes do not fit.",
            "A square matrix fits either way. The shape of `up` or `qkv` would tell.",
        ),
        b=(
            "No error, and a much higher loss.",
            """The shape fits, the numbers stand in wrong places. So after loading one
            compares with known outputs, or measures the loss of a text.""",
        ),
        c=(
            "Nothing: a matrix and its transpose multiply alike.",
            "Rows become columns: another input meets another weight.",
        ),
    ),
    "q3": Question(
        """You generate with temperature=2.0 and top_k=1. What is written?""",
        right="b",
        a=(
            "Livelier text than with temperature 1.",
            "Temperature evens out what is left to draw from, and one token is left.",
        ),
        b=(
            "The same as with temperature 0.",
            """One token is kept and has probability 1, whatever its logit is divided
            by. It is the likeliest.""",
        ),
        c=(
            "A token drawn from all of the vocabulary.",
            "top_k=1 keeps the likeliest token alone; all others have probability 0.",
        ),
    ),
}
