"""The distinct messages of some datasets, each to be run once, and what that gives."""

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from spamft.batches import TokenDataset
from spamft.classifier import GPTClassifier
from spamft.models.attention import attention_of
from spamft.models.precision import precision_of
from spamft.plumbing.buckets import bucket
from spamft.plumbing.checkpoint import digest
from spamft.plumbing.device import token_budget
from spamft.plumbing.distinct import number_same
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.ragged import Ragged
from spamft.trunk.part import find_cut
from spamft.trunk.plan import TrunkPlan

__all__ = ["DistinctMessages", "HiddenBatch", "HiddenDataset"]


class HiddenBatch(NamedTuple):
    """B messages as the trunk left them, then the labels."""

    hidden: Tensor  # (B, T, C) float32, padded with 0; (B, C) for the head alone
    lengths: Tensor  # (B,) int64, tokens before the padding
    labels: Tensor  # (B,) int64, class ids


class HiddenDataset(Dataset):
    """`dataset[i]` is ((T, C) or (C,) hidden states, length, class id)."""

    def __init__(
        self,
        rows: Sequence[Tensor],
        real_lengths: Sequence[int],
        labels: Sequence[int],
    ):
        self.rows, self.real_lengths, self.labels = rows, real_lengths, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int, int]:
        return self.rows[i], self.real_lengths[i], self.labels[i]

    @property
    def lengths(self) -> list[int]:
        """How many vectors of a batch each message takes."""
        return [len(rows) if rows.dim() == 2 else 1 for rows in self.rows]

    @staticmethod
    def collate(examples: Sequence[tuple[Tensor, int, int]]) -> HiddenBatch:
        """Examples of this dataset -> a batch."""
        rows, lengths, labels = zip(*examples, strict=True)
        hidden = pad_sequence(rows, True) if rows[0].dim() == 2 else torch.stack(rows)
        # what goes to a GPU goes there with the whole batch: `to_device` need not wait
        return HiddenBatch(hidden.float(), torch.tensor(lengths), torch.tensor(labels))


class DistinctMessages:
    """The distinct token sequences of some datasets, and which message has which.

    Raises SpamftError for a `dtype` that hidden states cannot be kept in.
    """

    def __init__(
        self,
        model: GPTClassifier,
        datasets: Sequence[TokenDataset],
        dtype: torch.dtype,
    ):
        if dtype not in (torch.float32, torch.bfloat16):
            raise SpamftError(f"{dtype=} must be torch.float32 or torch.bfloat16")
        self.model, self.datasets, self.dtype = model, datasets, dtype
        self.cut = find_cut(model)
        self.for_head = self.cut == len(model.gpt.blocks)  # then one vector per message
        contents = (each for d in datasets for each in _contents(d))
        numbers = number_same(contents)
        ends = np.cumsum([len(dataset) for dataset in datasets])
        self.numbers = np.split(numbers, ends[:-1])  # dataset -> message -> sequence
        self.ids, self.lengths = Ragged(), array("i")  # ids with padding; without
        for dataset, own in zip(datasets, self.numbers, strict=True):
            self._add_new(dataset, own)
        self.widths = self.ids.lengths
        self.groups = bucket(self.widths, token_budget(self.device))
        self.plan = self._plan()

    @property
    def device(self) -> torch.device:
        """The model's."""
        return self.model.head.weight.device

    def _add_new(self, dataset: TokenDataset, numbers: np.ndarray) -> None:
        """Add the sequences of `dataset` that are not there yet."""
        for place, width in enumerate(dataset.lengths):
            if numbers[place] == len(self.ids):
                ids = dataset.ids.array(place)
                self.lengths.append(len(ids))
                self.ids.append(ids + array("i", [dataset.pad_id]) * (width - len(ids)))

    def _plan(self) -> TrunkPlan:
        tokens, channels = sum(self.widths), self.model.gpt.config.emb_dim
        padded = sum(len(g) * self.widths[g[0]] for g in self.groups)
        rows = len(self.widths) if self.for_head else tokens
        whole = self.model.gpt.blocks[: self.cut - self.for_head]
        weights = sum(p.numel() for p in whole.parameters() if p.dim() == 2)
        return TrunkPlan(
            blocks=self.cut,
            messages=len(self.widths),
            tokens=tokens,
            padded=padded,
            bytes=rows * channels * self.dtype.itemsize,
            flops=2 * padded * weights,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Of all hidden states below each other: (rows, C)."""
        channels = self.model.gpt.config.emb_dim
        return self.plan.bytes // (channels * self.dtype.itemsize), channels

    def starts(self) -> list[int]:
        """The row of the store where each sequence begins."""
        if self.for_head:
            return list(range(len(self.widths)))
        return [0, *torch.tensor(self.widths).cumsum(0).tolist()][:-1]

    def identity(self) -> str:
        """What decides the hidden states, as a SHA-256."""
        ids, lengths = (
            torch.frombuffer(each, dtype=torch.int32)
            for each in (self.ids.numbers, self.lengths)
        )
        settings = [self.cut, str(self.dtype), self.model.pooling, self.widths]
        settings += [attention_of(self.model.gpt), *precision_of(self.model.gpt)]
        weights = self.model.state_dict()
        return digest([ids, lengths, settings, self.device.type, weights])

    def hidden_datasets(self, store: Tensor) -> list[HiddenDataset]:
        """Each dataset again, with its messages' hidden states from `store`."""
        starts = array("q", self.starts())
        widths = None if self.for_head else array("i", self.widths)
        return [
            HiddenDataset(
                _Rows(store, starts, widths, numbers),
                array("i", [self.lengths[i] for i in numbers]),
                dataset.labels,
            )
            for dataset, numbers in zip(self.datasets, self.numbers, strict=True)
        ]


def _contents(dataset: TokenDataset) -> Iterator[bytes]:
    """What tells each sequence from others: the padding is a token that may end a
    message, too, so the width counts."""
    for place, width in enumerate(dataset.lengths):
        yield width.to_bytes(4, "big") + dataset.ids.array(place).tobytes()


class _Rows(Sequence[Tensor]):
    """Hidden states of each message of a dataset, cut from `store` when asked for: a
    tensor for each, all the time, would take 500 bytes."""

    def __init__(
        self, store: Tensor, starts: array, widths: array | None, numbers: np.ndarray
    ):
        self.store, self.starts, self.widths = store, starts, widths
        self.numbers = numbers  # message -> sequence

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, place: int) -> Tensor:
        """(T, C); (C,) for the head alone."""
        number = self.numbers[place]
        start = self.starts[number]
        if self.widths is None:
            return self.store[start]
        return self.store[start : start + self.widths[number]]
