"""The distinct messages of some datasets, each to be run once, and what that gives."""

from collections.abc import Sequence
from typing import NamedTuple

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
from spamft.plumbing.errors import SpamftError
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
        number_of: dict[tuple, int] = {}
        self.sequences: list[tuple[list[int], int]] = []  # (ids with padding, length)
        self.numbers = [
            [self._number(dataset, ids, number_of) for ids in dataset.ids]
            for dataset in datasets
        ]
        self.widths = [len(ids) for ids, _ in self.sequences]
        self.groups = bucket(self.widths, token_budget(self.device))
        self.plan = self._plan()

    @property
    def device(self) -> torch.device:
        """The model's."""
        return self.model.head.weight.device

    def _number(
        self, dataset: TokenDataset, ids: list[int], number_of: dict[tuple, int]
    ) -> int:
        width = dataset.width or len(ids)
        if (key := (*ids, width)) not in number_of:
            number_of[key] = len(self.sequences)
            padding = [dataset.pad_id] * (width - len(ids))
            self.sequences.append((ids + padding, len(ids)))
        return number_of[key]

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

    def identity(self, bf16: bool) -> str:
        """What decides the hidden states, as a SHA-256."""
        ids = torch.tensor([i for sequence, _ in self.sequences for i in sequence])
        lengths = torch.tensor([length for _, length in self.sequences])
        settings = [self.cut, str(self.dtype), bf16, self.model.pooling, self.widths]
        settings += [attention_of(self.model.gpt), *precision_of(self.model.gpt)]
        weights = self.model.state_dict()
        return digest([ids, lengths, settings, self.device.type, weights])

    def hidden_datasets(self, store: Tensor) -> list[HiddenDataset]:
        """Each dataset again, with its messages' hidden states from `store`."""
        if self.for_head:
            rows = list(store)
        else:
            ends = zip(self.starts(), self.widths, strict=True)
            rows = [store[start : start + width] for start, width in ends]
        return [
            HiddenDataset(
                [rows[i] for i in numbers],
                [self.sequences[i][1] for i in numbers],
                dataset.labels,
            )
            for dataset, numbers in zip(self.datasets, self.numbers, strict=True)
        ]
