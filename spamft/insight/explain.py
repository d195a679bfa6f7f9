"""Which tokens made it spam: three questions to a classifier about one message.

    leave_one_out           take a token away: how much does the score fall?
    integrated_gradients    walk from nothing to the message: what did each token add?
    by_block                what would the head say after each block?

The score is the logit of one class minus the mean of the others', for two classes the
logit difference. Shapes: T tokens, C channels, L blocks.
"""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tiktoken
import torch
from torch import Tensor

from spamft.batches import collate, encode_texts
from spamft.classifier import GPTClassifier, classify
from spamft.modes import evaluation_mode

__all__ = [
    "Explanation",
    "Flips",
    "by_block",
    "integrated_gradients",
    "leave_one_out",
    "probe",
]


@dataclass(frozen=True, repr=False)
class Explanation:
    """What each token of a message gave to the score of `label`."""

    tokens: tuple[str, ...]
    worth: tuple[float, ...]  # one a token, in logits
    label: str
    score: float  # of the whole message
    base: float  # of the message without anything in it

    def __str__(self) -> str:
        """The tokens, a mark for every half logit, + for the label and - against it."""
        marks = [
            token.strip() + ("+" if w > 0 else "-") * min(6, round(abs(w) * 2))
            for token, w in zip(self.tokens, self.worth, strict=True)
        ]
        return f"{self.label} {self.score:+.2f}: {' '.join(marks)}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Orange speaks for the label, blue against it; the number is in the title."""
        most = max(map(abs, self.worth)) or 1.0
        parts = []
        for token, w in zip(self.tokens, self.worth, strict=True):
            red, green, blue = (232, 135, 30) if w > 0 else (59, 111, 212)
            style = f"background: rgba({red},{green},{blue},{abs(w) / most:.2f})"
            parts.append(
                f'<span style="{style}" title="{w:+.2f}">{html.escape(token)}</span>'
            )
        body = "".join(parts)
        return (
            f"<p><b>{html.escape(self.label)} {self.score:+.2f}</b></p>"
            f'<p style="white-space: pre-wrap; line-height: 1.8">{body}</p>'
        )


@torch.inference_mode()
def leave_one_out(
    model: GPTClassifier, tokenizer: tiktoken.Encoding, text: str, label: str = "spam"
) -> Explanation:
    """How much the score falls if a token is taken away; the rest moves together."""
    place, ids = _prepare(model, tokenizer, text, label)
    device = model.head.weight.device
    shorter = [ids[:t] + ids[t + 1 :] or [tokenizer.eot_token] for t in range(len(ids))]
    batch = collate([(row, 0) for row in [ids, *shorter]], tokenizer.eot_token)
    with evaluation_mode(model):
        logits = model(batch.ids.to(device), batch.lengths.to(device))
        nothing = model(torch.tensor([[tokenizer.eot_token]], device=device))
    whole, *rest = _score(logits, place).tolist()
    worth = tuple(whole - each for each in rest)
    base = _score(nothing, place).item()
    return Explanation(_names(tokenizer, ids), worth, label, whole, base)


def integrated_gradients(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    text: str,
    label: str = "spam",
    *,
    steps: int = 64,
) -> Explanation:
    """Each token's share of the way from an empty message's score to this one's.

    The token vectors are walked in a straight line from those of end tokens, as many,
    to the message's; positions stay. The worths add up to score - base, but for the
    steps being finite. After Sundararajan et al., 2017, arXiv 1703.01365.
    """
    if steps < 1:
        raise ValueError(f"{steps=} must be at least 1")
    place, ids = _prepare(model, tokenizer, text, label)
    device = model.head.weight.device
    with evaluation_mode(model), torch.no_grad():
        end = model.gpt.embed(
            torch.full((1, len(ids)), tokenizer.eot_token, device=device)
        )
        there = model.gpt.embed(torch.tensor([ids], device=device))  # (1, T, C)
        ends = _score(torch.cat([model.judge(end), model.judge(there)]), place)
    way = there - end
    total = torch.zeros_like(way)
    with evaluation_mode(model), torch.enable_grad():
        for step in range(steps):
            x = (end + (step + 0.5) / steps * way).requires_grad_(True)
            [gradient] = torch.autograd.grad(_score(model.judge(x), place).sum(), x)
            total += gradient
    worth = (total / steps * way).sum(-1)[0]  # (T,)
    base, score = ends.tolist()
    return Explanation(
        _names(tokenizer, ids), tuple(worth.tolist()), label, score, base
    )


@torch.inference_mode()
def by_block(
    model: GPTClassifier, tokenizer: tiktoken.Encoding, text: str, label: str = "spam"
) -> list[float]:
    """L + 1 scores: what the head says of the last token's vector before any block,
    after the first, and so on; the last one is the model's."""
    place, ids = _prepare(model, tokenizer, text, label)
    gpt = model.gpt
    with evaluation_mode(model):
        x = gpt.embed(torch.tensor([ids], device=model.head.weight.device))
        seen = [x[:, -1]]
        for block in gpt.blocks:
            x = block(x)
            seen.append(x[:, -1])
        return [
            _score(model.head(gpt.final_norm(vector)), place).item() for vector in seen
        ]


@dataclass(frozen=True)
class Flips:
    """What an edit did to the verdicts of some messages."""

    messages: int
    changed: int  # verdicts
    mean_shift: float  # of the label's probability, -1..1


def probe(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    texts: Sequence[str],
    edit: Callable[[str], str],
    label: str = "spam",
) -> Flips:
    """Edit every text, and count the verdicts that change: what should not matter?"""
    if not len(texts):
        raise ValueError("nothing to probe: there is no text")
    before = classify(model, tokenizer, list(texts))
    after = classify(model, tokenizer, [edit(text) for text in texts])
    shifts = [
        b.probabilities[label] - a.probabilities[label]
        for a, b in zip(before, after, strict=True)
    ]
    changed = sum(a.label != b.label for a, b in zip(before, after, strict=True))
    return Flips(len(texts), changed, sum(shifts) / len(shifts))


def _prepare(
    model: GPTClassifier, tokenizer: tiktoken.Encoding, text: str, label: str
) -> tuple[int, list[int]]:
    """The label's class id, and the tokens that the model reads."""
    if label not in model.label_names:
        raise ValueError(f"{label=} must be one of {', '.join(model.label_names)}")
    if model.pooling != "last_real":
        raise ValueError(f"only pooling last_real is explained, not {model.pooling!r}")
    [ids] = encode_texts([text], tokenizer, model.max_length)
    return model.label_names.index(label), ids


def _score(logits: Tensor, place: int) -> Tensor:
    """(..., K) logits -> (...): one class against the mean of the others."""
    others = logits.sum(-1) - logits[..., place]
    return logits[..., place] - others / (logits.shape[-1] - 1)


def _names(tokenizer: tiktoken.Encoding, ids: list[int]) -> tuple[str, ...]:
    return tuple(tokenizer.decode([i]) for i in ids)
