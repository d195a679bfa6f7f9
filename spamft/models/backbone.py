"""The five names that all of spamft asks of a language model.

The trunk, the class head, LoRA, NF4, instructions, explanations and the memory ledger
use no others, so another architecture is one file that has them. `gpt.GPT` is one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from spamft.models.layout import Layout

__all__ = ["LARGE", "LAST_BLOCKS", "Architecture", "Backbone", "HuggingFace"]

LARGE = 50e6  # parameters; GPT-2 is large here, the bundled GPT is not
LAST_BLOCKS = "last blocks"  # a part that trains, and may have a rate of its own


class Backbone(Protocol):
    """A language model: B messages, T tokens, C channels, V tokens of vocabulary.

    A block may offer `gather_for` and `finish` as `gpt.Block` does: then the last one
    is computed for no more tokens than are read (see trunk/). With `project` and
    `gather`, too, and a config that has `causal`, attention can be full (attention.py).
    """

    config: Any  # has vocab_size, context_length, emb_dim, n_layers
    blocks: nn.ModuleList  # (B, T, C) -> (B, T, C), each by itself, positions included
    final_norm: nn.Module  # (..., C) -> (..., C)

    def embed(self, ids: Tensor) -> Tensor:
        """(B, T) token ids -> (B, T, C), what enters the first block."""

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., C), what the final norm gave, -> (..., V) next-token logits."""


class HuggingFace(NamedTuple):
    """What Hugging Face calls the parts of one architecture."""

    layout: Layout  # which of our parameters is which of theirs
    config: Callable[[Any], dict]  # our config -> the entries of their config.json
    classifier: str  # their class of a model with a head


class Architecture(NamedTuple):
    """How models of one architecture are built, loaded and exported."""

    config: type  # a frozen dataclass of numbers: the size
    build: Callable[[Any], Backbone]  # config -> a model with random weights
    load: Callable[[Path], Backbone]  # a folder in Hugging Face's layout -> a model
    theirs: HuggingFace | None = None  # without it, no classifier is exported
    method: str = "last_block"  # in METHODS, for who names none and gives no settings
    rates: Mapping[str, float] = MappingProxyType({})  # where not as GPT-2's, by part
