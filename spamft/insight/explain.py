"""Which tokens made it spam: three questions to a classifier about one message.

    leave_one_out           remove a token: how much does the score drop?
    integrated_gradients    go from nothing to the message: what does each token add?
    by_block                what would the head predict after each block?

The score is the logit of one class minus the mean of the others', for two classes the
logit difference. The class is `label`, by default the one that the model predicts for
the text. Shapes: T tokens, C channels, K classes, L blocks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tiktoken
import torch
from torch import Tensor

from spamft.batches import collate, encode_texts
from spamft.classifier import GPTClassifier
from spamft.insight.explanation import Explanation
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.modes import evaluation_mode
from spamft.use.predict import classify
from spamft.use.verdict import DecisionRule

__all__ = [
    "Explanation",
    "Flips",
    "by_block",
    "count_flips",
    "integrated_gradients",
    "leave_one_out",
]


@torch.inference_mode()
def leave_one_out(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    text: str,
    label: str | None = None,
) -> Explanation:
    """How much the score drops when a token is removed and the gap is closed."""
    ids, k = _prepare(model, tokenizer, text, label)
    device = model.head.weight.device
    shorter = [ids[:t] + ids[t + 1 :] or [tokenizer.eot_token] for t in range(len(ids))]
    batch = collate([(row, 0) for row in [ids, *shorter]], tokenizer.eot_token)
    with evaluation_mode(model):
        logits = model(batch.ids.to(device), batch.lengths.to(device))
        empty = model(torch.tensor([[tokenizer.eot_token]], device=device))
    score, *without = _score(logits, k).tolist()
    return Explanation(
        tokens=_decode(tokenizer, ids),
        contributions=tuple(score - each for each in without),
        label=model.label_names[k],
        score=score,
        baseline=_score(empty, k).item(),
    )


def integrated_gradients(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    text: str,
    label: str | None = None,
    *,
    steps: int = 64,
) -> Explanation:
    """Each token's share of the difference between this score and an empty message's.

    The token vectors go in a straight line, in `steps` steps, from those of as many end
    tokens to the message's; positions stay. The contributions add up to score -
    baseline, the more exactly the more steps. After Sundararajan et al., 2017, arXiv
    1703.01365.
    """
    if steps < 1:
        raise SpamftError(f"{steps=} must be at least 1")
    ids, k = _prepare(model, tokenizer, text, label)
    pair = [[tokenizer.eot_token] * len(ids), ids]
    with evaluation_mode(model), torch.no_grad():
        vectors = model.gpt.embed(torch.tensor(pair, device=model.head.weight.device))
        baseline, score = _score_vectors(model, vectors, k).tolist()
        start, end = vectors.split(1)  # (1, T, C) each
        gradient = _mean_gradient(model, start, end, k, steps)
    contributions = (gradient * (end - start)).sum(-1)[0]  # (T,)
    return Explanation(
        tokens=_decode(tokenizer, ids),
        contributions=tuple(contributions.tolist()),
        label=model.label_names[k],
        score=score,
        baseline=baseline,
    )


@torch.inference_mode()
def by_block(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    text: str,
    label: str | None = None,
) -> list[float]:
    """L + 1 scores, of what the head predicts from the last token's vector.

    The first is before any block, the next after the first block; the last is the
    model's own.
    """
    ids, k = _prepare(model, tokenizer, text, label)
    with evaluation_mode(model):
        x = model.gpt.embed(torch.tensor([ids], device=model.head.weight.device))
        vectors = [x[:, -1]]  # (1, C)
        for block in model.gpt.blocks:
            x = block(x)
            vectors.append(x[:, -1])
        logits = model.head(model.gpt.final_norm(torch.cat(vectors)))  # (L + 1, K)
        return _score(logits, k).tolist()


@dataclass(frozen=True)
class Flips:
    """What an edit did to the predictions for some messages."""

    messages: int
    changed: int  # predicted labels
    mean_shift: float  # of the label's probability, -1..1


def count_flips(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    texts: Sequence[str],
    edit: Callable[[str], str],
    label: str | None = None,
    *,
    rule: DecisionRule = DecisionRule(),  # noqa: B008, it is frozen
) -> Flips:
    """Edit every text, and count the predictions that change: what should not matter?

    The shift is that of the probability of `label`, by default of the most probable
    class of the text before the edit. `rule` makes predictions and probabilities, say a
    run's own.
    """
    if not len(texts):
        raise SpamftError("no predictions to compare: there is no text")
    if label is not None:
        _class_id(model, label)  # to refuse a wrong one before the work
    before = classify(model, tokenizer, list(texts), rule)
    after = classify(model, tokenizer, [edit(text) for text in texts], rule)
    changed, shift = 0, 0.0
    for old, new in zip(before, after, strict=True):
        changed += old.label != new.label
        name = label or max(old.probabilities, key=old.probabilities.get)
        shift += new.probabilities[name] - old.probabilities[name]
    return Flips(len(texts), changed, shift / len(texts))


def _prepare(
    model: GPTClassifier, tokenizer: tiktoken.Encoding, text: str, label: str | None
) -> tuple[list[int], int]:
    """The tokens that the model reads, and the class id to explain."""
    if model.pooling != "last_real":
        raise SpamftError(f"only pooling last_real is explained, not {model.pooling!r}")
    [ids] = encode_texts([text], tokenizer, model.max_length)
    if label is not None:
        return ids, _class_id(model, label)
    with evaluation_mode(model), torch.no_grad():
        logits = model(torch.tensor([ids], device=model.head.weight.device))
    return ids, int(logits.argmax())


def _class_id(model: GPTClassifier, label: str) -> int:
    if label not in model.label_names:
        known = ", ".join(map(visible, model.label_names))
        raise SpamftError(f"{label=} must be one of {known}")
    return model.label_names.index(label)


@torch.enable_grad()
def _mean_gradient(
    model: GPTClassifier, start: Tensor, end: Tensor, k: int, steps: int
) -> Tensor:
    """(1, T, C): of the score, on the straight line from `start` to `end`."""
    total = torch.zeros_like(end)
    for step in range(steps):
        # at the middle of each step: its ends would give a larger error
        x = torch.lerp(start, end, (step + 0.5) / steps).requires_grad_(True)
        [gradient] = torch.autograd.grad(_score_vectors(model, x, k).sum(), x)
        total += gradient
    return total / steps


def _score_vectors(model: GPTClassifier, x: Tensor, k: int) -> Tensor:
    """(B, T, C) token vectors -> (B,) scores."""
    return _score(model.head(model.pool(x)), k)


def _score(logits: Tensor, k: int) -> Tensor:
    """(..., K) logits -> (...): class k against the mean of the others."""
    others = logits.sum(-1) - logits[..., k]
    return logits[..., k] - others / (logits.shape[-1] - 1)


def _decode(tokenizer: tiktoken.Encoding, ids: list[int]) -> tuple[str, ...]:
    return tuple(tokenizer.decode([i]) for i in ids)
