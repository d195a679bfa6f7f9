"""The numbers that a diagram shows where none are given: measured, not made up.

All are of what comes with the package, its sample and its small GPT, but for the counts
of the split, which are the lecture's.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import tiktoken
import torch
from torch import Tensor

from spamft.classifier import GPTClassifier
from spamft.insight.baselines import words
from spamft.methods.instruct import InstructionDataset
from spamft.methods.layers import linear_layers
from spamft.methods.nf4 import BLOCK
from spamft.models.backbone import Backbone
from spamft.models.prompts import encode_prompt, instruction_for
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_model, open_splits
from spamft.sources.models import Pretrained
from spamft.sources.sample import SAMPLE

__all__ = [
    "LECTURE_SPLIT",
    "NAMES",
    "TWO_MESSAGES",
    "AttentionShares",
    "NextTokens",
    "SplitCounts",
    "attention_shares",
    "confusion_of_words",
    "instruction_row",
    "next_tokens",
    "next_tokens_of_a_sentence",
    "pieces",
    "pronoun_shares",
    "sixty_four_weights",
    "small_gpt",
    "untrained_classifier",
]

NAMES = ("ham", "spam")
# Two of the sample, short enough to be drawn whole
TWO_MESSAGES = ("kettle's on", "you have a lovely voice, I think")


class SplitCounts(NamedTuple):
    """Messages of each part, and how many of the test part stand in train, too."""

    train: int
    validation: int
    test: int
    leaked: int


# The SMS collection, balanced and split as in the lecture; leaks are verbatim repeats
LECTURE_SPLIT = SplitCounts(train=1045, validation=149, test=300, leaked=37)


class AttentionShares(NamedTuple):
    """How one token of a text shares its attention out, in one head."""

    tokens: list[str]  # all of the text
    shares: list[float]  # of the first tokens, the last of which is the one that looks
    where: str  # block and head, as a reader counts them


class NextTokens(NamedTuple):
    """A text, and how likely a model held each of its tokens, having read those before.

    The first token is read and not predicted, so there is one chance fewer.
    """

    tokens: list[str]
    chances: list[float]


@lru_cache(1)
def small_gpt() -> Pretrained:
    """The GPT that comes with the package, and its tokenizer."""
    return open_model("tiny")


def pieces(ids: Sequence[int], tokenizer: tiktoken.Encoding) -> list[str]:
    """Each token as text that can be seen, without the space before it."""
    texts = (tokenizer.decode([i]) for i in ids)
    return [text.replace("\n", "↵").strip() or "␣" for text in texts]


@torch.no_grad()
def attention_shares(
    gpt: Backbone,
    tokenizer: tiktoken.Encoding,
    text: str,
    place: int,
    *,
    block: int,
    head: int,
) -> AttentionShares:
    """What the token at `place` attends to in one head of one block, all from 0."""
    ids = tokenizer.encode_ordinary(text)
    if not 0 <= place < len(ids):
        raise SpamftError(
            f"{place=} is no token of {text!r}, which has {len(ids)}: count from 0"
        )
    device = next(gpt.blocks.parameters()).device
    x = gpt.embed(torch.tensor([ids[: place + 1]], device=device))
    for below in gpt.blocks[:block]:
        x = below(x)
    query, key, _ = (each[0, head] for each in gpt.blocks[block].project(x))  # (T, D)
    scores = key @ query[-1] / math.sqrt(len(query[-1]))
    where = f"block {block}, head {head}"
    return AttentionShares(pieces(ids, tokenizer), scores.softmax(0).tolist(), where)


def pronoun_shares() -> AttentionShares:
    """Whom "his" means, in the one of the small GPT's 25 heads that shows it best."""
    gpt, tokenizer, *_ = small_gpt()
    text = "The old man gave the boy his coat"
    shown = attention_shares(gpt, tokenizer, text, 6, block=3, head=4)
    return shown._replace(where=f"{shown.where} of a small GPT, the clearest of 25")


@torch.no_grad()
def next_tokens(gpt: Backbone, tokenizer: tiktoken.Encoding, text: str) -> NextTokens:
    """The tokens of `text`, and the probability that `gpt` gives to each but the first.

    Raises SpamftError for a text of fewer than two tokens.
    """
    ids = tokenizer.encode_ordinary(text)
    if len(ids) < 2:
        raise SpamftError(f"{text!r} has no next token: give at least two")
    device = next(gpt.blocks.parameters()).device
    x = gpt.embed(torch.tensor([ids[:-1]], device=device))
    for block in gpt.blocks:
        x = block(x)
    chances = gpt.logits(gpt.final_norm(x))[0].softmax(-1).cpu()  # (T - 1, V)
    return NextTokens(
        pieces(ids, tokenizer), chances[range(len(ids) - 1), ids[1:]].tolist()
    )


def next_tokens_of_a_sentence() -> NextTokens:
    """A sentence of which the small GPT holds some tokens likely and some not."""
    gpt, tokenizer, *_ = small_gpt()
    return next_tokens(gpt, tokenizer, "I will see you at the end of the week")


def untrained_classifier() -> GPTClassifier:
    """The small GPT with a fresh head, whose predictions mean nothing yet."""
    return GPTClassifier(small_gpt().gpt, NAMES).eval()


def sixty_four_weights() -> Tensor:
    """(64,) the first weights of the small GPT's first linear layer."""
    first = next(iter(linear_layers(small_gpt().gpt).values()))
    return first.weight.detach().flatten()[:BLOCK]


def instruction_row() -> tuple[list[int], list[int]]:
    """Ids and labels of a short message as an instruction, as it is trained on."""
    tokenizer = small_gpt().tokenizer
    prompt = encode_prompt(tokenizer, TWO_MESSAGES[0], instruction_for(NAMES))
    return InstructionDataset([prompt], [NAMES[0]], tokenizer)[0]


@lru_cache(1)
def confusion_of_words() -> tuple[tuple[int, ...], ...]:
    """[true][predicted] of a baseline, TF-IDF of words, on the sample's test part."""
    train, _, test = open_splits(SAMPLE, lecture=True).splits
    predicted = words().fit(train["Text"], train["Label"]).predict(test["Text"])
    pairs = list(zip(test["Label"], predicted, strict=True))
    return tuple(tuple(pairs.count((t, p)) for p in (0, 1)) for t in (0, 1))
