"""A pretrained model <-> the few words that open the same one again.

    Base.of(pretrained)    its name or its path, its origin, the SHA-256 of its weights
    base.weights()         the same weights, or one line on what is missing

The SHA-256 is of the tensors, sorted by name, and not of a file: it is the same for a
copy in another place or another format, and says of every bit in use what it was.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from spamft.models.gguf import open_gguf
from spamft.models.smollm2 import SMOLLM2, smollm2_file
from spamft.plumbing.checkpoint import digest
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.tensors import are_equal
from spamft.pretrained import PUBLISHED
from spamft.sources.models import Pretrained, open_model

__all__ = ["Base", "MissingBaseError"]

NAMES = (*PUBLISHED, *SMOLLM2, "tiny")  # all that may cause a download
INSTEAD = "give it with --base, in Python load(folder, base=...)"
MOST = 150  # characters of a path or a reason, so that the advice is never cut


class MissingBaseError(SpamftError):
    """The model that a classifier stands on is not to be had, or is another one."""


@dataclass(frozen=True)
class Base:
    """A pretrained model that a classifier stands on."""

    name: str  # one of NAMES, or the absolute path of a folder or a .gguf file
    source: str  # a line on its origin
    sha256: str  # of its tensors

    @classmethod
    def of(cls, pretrained: Pretrained) -> "Base":
        """What opens these weights again, which is tried out.

        Raises SpamftError if nothing does: they have no name, or have changed since.
        """
        name = str(pretrained.path or pretrained.name)
        if pretrained.path is None and name not in NAMES:
            raise SpamftError(f"{brief(name, MOST)} is no name that opens it again")
        weights, wanted = _open(name, pretrained.source), pretrained.gpt.state_dict()
        same = weights.keys() == wanted.keys()
        if not same or not all(are_equal(weights[n], t) for n, t in wanted.items()):
            raise SpamftError(f"{brief(name, MOST)} does not open the same weights")
        return cls(name, pretrained.source, _sha256(weights))

    @classmethod
    def from_dict(cls, found: object) -> "Base":
        """What `to_dict` gave. Raises SpamftError for whatever else a file holds."""
        names = set(cls.__dataclass_fields__)
        whole = isinstance(found, dict) and found.keys() == names
        if not whole or not all(isinstance(value, str) for value in found.values()):
            raise SpamftError(f"base must have the words {', '.join(sorted(names))}")
        base = cls(**found)
        if base.name not in NAMES and not Path(base.name).is_absolute():
            raise SpamftError(
                f"base {brief(base.name, MOST)!r} must be an absolute path or one of "
                f"{', '.join(NAMES)}"
            )
        return base

    def to_dict(self) -> dict[str, str]:
        """The same, ready for JSON."""
        return asdict(self)

    @property
    def is_path(self) -> bool:
        """Whether it must stay at its place to be found."""
        return self.name not in NAMES

    def weights(self, instead: Path | str | None = None) -> dict[str, Tensor]:
        """Its tensors by name; `instead` is where the same model lies now.

        Raises MissingBaseError.
        """
        name = self.name if instead is None else str(instead)
        shown = brief(name, MOST)
        if instead is None and self.is_path and not os.path.exists(name):
            raise MissingBaseError(
                f"its base {shown} is not there: if it was moved, {INSTEAD}"
            )
        try:
            weights = _open(name, self.source if instead is None else "")
        except (SpamftError, OSError) as error:
            why = brief(" ".join(str(error).split()), MOST)
            raise MissingBaseError(
                f"its base {shown} cannot be opened ({why}): {INSTEAD}"
            ) from error
        if _sha256(weights) != self.sha256:
            raise MissingBaseError(
                f"its base {shown} is another model than the one trained "
                f"({brief(self.source, MOST)}), or has changed since: {INSTEAD}"
            )
        return weights


def _open(name: str, source: str) -> dict[str, Tensor]:
    """The weights behind a name or a path."""
    if name in SMOLLM2 and source not in ("", SMOLLM2[name][0]):
        return open_gguf(smollm2_file())[0].state_dict()  # what the hub has is another
    return open_model(name).gpt.state_dict()


@torch.no_grad()
def _sha256(weights: Mapping[str, Tensor]) -> str:
    return digest(dict(sorted(weights.items())))
