"""Figures of the bundled GPT that every machine must reach: logits, and three losses.

They were computed in float64, so they are those of no machine; what float32 makes of
them differs in the sixth digit. A larger difference means that the arithmetic of this
device, its driver or a library is not what it should be.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass
from math import inf, isfinite
from pathlib import Path
from typing import Any

import torch

from spamft.batches import TokenDataset, encode_texts, make_loader
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.plumbing.errors import NotFiniteError
from spamft.plumbing.jsonfile import read_json
from spamft.pretrained import load_gpt2
from spamft.tokenizer import load_tokenizer
from spamft.train import TrainConfig, train

__all__ = ["PINNED", "Check", "check_pinned", "figures"]

PINNED = Path(__file__).parents[1] / "assets" / "doctor" / "pinned.json"
TOLERANCES = {"logits": 1e-3, "losses": 1e-3}  # each some hundred times float32's error
TEXTS = {
    "Are we still on for lunch at one?": 0,
    "WINNER! Claim your free prize now, call 0900 123 456.": 1,
    "ok, see you there :)": 0,
    "Your account is locked. Send your PIN to unlock it today.": 1,
    "can you pick up some milk on the way home": 0,
    "Cheap loans in five minutes! Reply YES to this number.": 1,
    "The train is late again, start without me.": 0,
    "You have been chosen for a holiday worth 2000 pounds!!": 1,
}


@dataclass(frozen=True)
class Check:
    """Figures of this machine against the stored ones."""

    name: str
    found: list[float]
    stored: list[float]
    tolerance: float  # of any figure

    @property
    def difference(self) -> float:
        """The largest; infinite if a figure is not finite or missing."""
        if len(self.found) != len(self.stored) or not all(map(isfinite, self.found)):
            return inf
        pairs = zip(self.found, self.stored, strict=True)
        return max(abs(a - b) for a, b in pairs)

    @property
    def agrees(self) -> bool:
        return self.difference <= self.tolerance

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON, which knows no other numbers than finite ones."""
        found = [x if isfinite(x) else str(x) for x in self.found]
        difference = self.difference if isfinite(self.difference) else None
        more = {"difference": difference, "agrees": self.agrees}
        return asdict(self) | {"found": found} | more

    def __str__(self) -> str:
        verdict = "as stored" if self.agrees else "NOT AS STORED"
        return f"{verdict}: off by {self.difference:.1e}, {self.tolerance:g} is allowed"


def check_pinned(device: torch.device) -> list[Check]:
    """The figures on `device`, in float32, against the stored ones."""
    stored, found = read_json(PINNED), figures(device)
    return [
        Check(name, found[name], stored[name], tolerance)
        for name, tolerance in TOLERANCES.items()
    ]


def figures(
    device: torch.device, dtype: torch.dtype = torch.float32
) -> dict[str, list[float]]:
    """For the TEXTS: the logit of each next token in the first of them; the losses of
    three steps of the last block on all of them."""
    gpt, tokenizer = load_gpt2("tiny"), load_tokenizer("tiny")
    encoded = encode_texts(list(TEXTS), tokenizer)
    context = gpt.config.context_length
    task = Task(("ham", "spam"), context, "last_real")
    model = METHODS["last_block"].attach(gpt, task, 1).to(device, dtype)
    dataset = TokenDataset(encoded, list(TEXTS.values()), tokenizer.eot_token)
    ids = torch.tensor(encoded[:1], device=device)
    with torch.no_grad():
        logits = model.gpt(ids)
    following = logits[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
    loader = make_loader(dataset, len(dataset))
    config = TrainConfig(epochs=3, lr=1e-3, eval_every=1)
    losses = []
    with suppress(NotFiniteError):  # fewer losses than stored ones tell it, too
        for record in train(model, loader, loader, config):
            losses.append(record.train_loss)
    return {"logits": following.tolist(), "losses": losses}
