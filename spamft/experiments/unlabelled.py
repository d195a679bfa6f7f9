"""Which messages to label next: a model is trained on the labelled ones and asked.

next_to_label(data, model, texts, 50) -> 50 of the texts
"""

from collections.abc import Callable, Iterable
from itertools import islice

import torch
from torch import Tensor, nn

from spamft.classifier import GPTClassifier
from spamft.experiments.finetune import finetune
from spamft.insight.active import Candidates, choose, margins
from spamft.methods.heads import encode_messages
from spamft.methods.method import Method, method_named
from spamft.plumbing.errors import SpamftError
from spamft.sources.duplicates import duplicate_key
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData
from spamft.use.predict import predict_in_order

__all__ = ["next_to_label"]

CHUNK = 4096  # texts that are in memory at a time
WIDTH = 10  # candidates for each message wanted, to have different ones among them


def next_to_label(
    data: PreparedData,
    model: Pretrained,
    texts: Iterable[str],
    count: int,
    *,
    method: str | Method = "features",
    device: str = "auto",
    precision: str = "auto",
    log: Callable[[str], None] | None = None,
) -> list[str]:
    """Up to `count` of `texts`, the most useful first: those of which the model is
    least certain and that differ from each other.

    No duplicate of a message in `data` is among them, nor two of each other. The texts
    are read as they come. Raises SpamftError if none is left, or for a method without
    a class head.
    """
    if count < 1:
        raise SpamftError(f"{count=} must be at least 1 message")
    method = method_named(method)
    if method.encode is not encode_messages:
        raise SpamftError(
            f"{method.name!r} has no class head: to choose messages, take another "
            "method, such as features"
        )
    where = {"device": device, "precision": precision}
    run = finetune(data, model, method, **where, log=log)
    reader = _Reader(run.model)
    known = map(duplicate_key, data.df["Text"])
    candidates, texts = Candidates(WIDTH * count, known), iter(texts)
    while chunk := list(islice(texts, CHUNK)):
        if fresh := candidates.fresh(chunk):
            ids = run.model.encode(fresh, run.tokenizer)
            features, logits = reader.read(ids)
            shares = run.rule.probabilities(logits).numpy()
            candidates.add(fresh, margins(shares), features.numpy())
    if not candidates.texts:
        raise SpamftError("no message is left to label: all are empty or labelled")
    places = choose(candidates.features, count)
    return [candidates.texts[i] for i in places]


class _Reader(nn.Module):
    """A classifier that gives the vector that its head reads, and the logits."""

    def __init__(self, classifier: GPTClassifier):
        super().__init__()
        self.classifier = classifier

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(B, T) token ids -> (B, C + K)."""
        classifier = self.classifier
        pooled = classifier.pool(classifier.gpt.embed(ids), lengths)
        return torch.cat([pooled, classifier.head(pooled)], -1)

    def read(self, ids: list[list[int]]) -> tuple[Tensor, Tensor]:
        """(N, C) features and (N, K) logits."""
        rows = predict_in_order(self, ids)
        classes = len(self.classifier.label_names)
        return rows[:, :-classes], rows[:, -classes:]
