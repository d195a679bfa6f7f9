"""The states of all random generators that a training may draw from."""

import random
from typing import Any

import numpy as np
import torch

__all__ = ["get_random_states", "set_random_states"]


def get_random_states() -> dict[str, Any]:
    """As a tree that `save_checkpoint` stores: Python's, NumPy's, torch's."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002, it is what others use
    return {
        "python": random.getstate(),
        "numpy": [name, torch.from_numpy(keys.astype(np.int64)), *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all(),
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Take over what `get_random_states` gave, here or in another process."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    torch.cuda.set_rng_state_all(states["cuda"])
    if states["mps"] is not None:
        torch.mps.set_rng_state(states["mps"])
