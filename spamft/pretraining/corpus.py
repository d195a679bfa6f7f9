"""Texts -> token ids to train on, and a part of each that is held out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tiktoken
import torch
from torch import Tensor

from spamft.plumbing.errors import SpamftError
from spamft.tokenizer import END_OF_TEXT

__all__ = ["Corpus", "read_text"]

HELD_OUT = 0.005  # share of every text that only validation reads


class Corpus:
    """The texts as token ids, with a tail of each held out for validation.

    A text that is listed twice is sampled twice as often.
    """

    def __init__(self, texts: Sequence[Path], encoding: tiktoken.Encoding):
        ids: dict[Path, np.ndarray] = {}
        held_out = []
        for path in dict.fromkeys(texts):
            train, validation = read_text(path)
            ids[path] = _encode(train, encoding)
            held_out.append(validation)
        self.train = np.concatenate([ids[path] for path in texts])
        self.held_out_text = "\n".join(held_out)
        self.held_out = _encode(self.held_out_text, encoding)

    def windows(self, step: int, batch_size: int, length: int, seed: int) -> Tensor:
        """(batch_size, length + 1) ids at random places that only `step` decides."""
        starts = np.random.default_rng([seed, step]).integers(
            0, len(self.train) - length, batch_size
        )
        picked = np.stack([self.train[s : s + length + 1] for s in starts])
        return torch.from_numpy(picked.astype(np.int64))


def read_text(path: Path) -> tuple[str, str]:
    """(what trains, what is held out) of a file, cut at the end of a line."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise SpamftError(f"{path}: not UTF-8: {error}") from error
    cut = text.rfind("\n", 0, int(len(text) * (1 - HELD_OUT))) + 1
    return text[:cut], text[cut:]


def _encode(text: str, encoding: tiktoken.Encoding) -> np.ndarray:
    """Token ids as uint16; a line END_OF_TEXT becomes the one token of that name."""
    documents = [part.strip("\n") for part in text.split(f"\n{END_OF_TEXT}\n")]
    encoded = encoding.encode_ordinary_batch(documents, num_threads=2)
    end = [encoding.eot_token]
    return np.concatenate([np.array(ids + end, dtype=np.uint16) for ids in encoded])
