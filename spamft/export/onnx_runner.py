"""A folder for onnxruntime at work, as a program without PyTorch would use it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spamft.plumbing.buckets import bucket
from spamft.plumbing.extras import needed

__all__ = ["Runner", "batch"]

BUDGET = 1024  # tokens of a batch


class Runner:
    """A folder that `export_onnx` wrote, used as a program without PyTorch would."""

    def __init__(self, folder: Path, name: str):
        runtime = needed("onnxruntime", "to run ONNX", "export")
        tokenizers = needed("tokenizers", "to run ONNX", "export")
        path = str(folder / "tokenizer.json")
        self.tokenizer = tokenizers.Tokenizer.from_file(path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.session = runtime.InferenceSession(str(folder / name), options)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text that are read."""
        return [each.ids for each in self.tokenizer.encode_batch(list(texts))]

    def probabilities(self, texts: Sequence[str]) -> Tensor:
        """(N, K) float32, in batches of similar length, as spamft has them."""
        tokens = self.encode(texts)
        rows: list[Any] = [None] * len(texts)
        for places in bucket([len(each) for each in tokens], BUDGET):
            given = batch([tokens[place] for place in places])
            [found] = self.session.run(["probabilities"], given)
            for place, row in zip(places, found, strict=True):
                rows[place] = torch.from_numpy(row)
        return torch.stack(rows)


def batch(tokens: Sequence[list[int]]) -> dict[str, np.ndarray]:
    """What the graph is given for some messages."""
    lengths = np.array([len(each) for each in tokens])
    ids = np.zeros((len(tokens), lengths.max()), np.int64)
    for row, each in zip(ids, tokens, strict=True):
        row[: len(each)] = each
    return {"ids": ids, "lengths": lengths}
