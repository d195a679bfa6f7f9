"""A class head as Hugging Face's classifiers have it: `score`, a matrix and no bias.

The head is the only one that reads the final norm. If that has a bias, as GPT-2's, ours
moves into it: W x + b = W (x + d) for d = pinv(W) b. Llama's RMSNorm has none, and no
matrix makes a constant of the vectors that it gives, so a head there has no bias from
the start. `score.bias` would not help: transformers and PEFT leave it out when they
read the file.
"""

import torch
from torch import Tensor, nn

from spamft.classifier import GPTClassifier
from spamft.gpt import check_causal
from spamft.models.architectures import theirs_of
from spamft.plumbing.errors import SpamftError

__all__ = ["SCORE", "score_parameters", "to_score"]

SCORE = "score.weight"


def score_parameters(model: GPTClassifier) -> dict[str, nn.Parameter]:
    """The head's weight, and the final norm's parameters, by their names."""
    norm = theirs_of(model.gpt).layout.layers(model.gpt)["final_norm"]
    named = model.gpt.final_norm.named_parameters()
    return {SCORE: model.head.weight} | {f"{norm}.{n}": p for n, p in named}


def to_score(model: GPTClassifier) -> dict[str, Tensor]:
    """Tensors by the same names, with which the head's bias is not needed.

    Raises SpamftError if it cannot be done without, and for any pooling but
    "last_real" or full attention, which they do not have.
    """
    check_causal(model.gpt.config, "a classifier of Hugging Face's")
    if model.pooling != "last_real":
        theirs = theirs_of(model.gpt).classifier
        raise SpamftError(f"{theirs} reads the last real token, not {model.pooling!r}")
    tensors = {name: p.detach() for name, p in score_parameters(model).items()}
    if model.head.bias is None or not model.head.bias.any():
        return tensors
    moved = _moved_bias(model.head)
    for name in tensors:
        if name.endswith(".bias") and moved is not None:
            return tensors | {name: (tensors[name].double() + moved).float()}
    raise SpamftError(
        "the head's bias cannot move into the final norm, and Hugging Face's heads "
        "have none: train a head without, GPTClassifier(..., bias=False)"
    )


@torch.no_grad()
def _moved_bias(head: nn.Linear) -> Tensor | None:
    """(C,) d with W d = b, in double precision; None if there is none, as with more
    classes than channels."""
    weight, bias = head.weight.double(), head.bias.double()
    moved = torch.linalg.pinv(weight) @ bias
    return moved if torch.allclose(weight @ moved, bias, atol=1e-6) else None
