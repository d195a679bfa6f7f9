"""Tokenized messages -> padded batches.

    SpamDataset -> make_loader or make_bucketed_loader -> Batch

Padding stands on the right only, and every batch says how long its messages
truly are: the padding id is also a real token, so it cannot tell.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import pandas as pd
import tiktoken
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

__all__ = [
    "TOKEN_BUDGET",
    "Batch",
    "BucketSampler",
    "SpamDataset",
    "bucket",
    "collate",
    "encode_texts",
    "make_bucketed_loader",
    "make_loader",
]


# Tokens a batch that is only read, not trained on: on a CPU its activations should fit
# the caches, a GPU wants many rows at once
TOKEN_BUDGET = {"cpu": 1024, "cuda": 32768}


class Batch(NamedTuple):
    """B messages padded to a common length T: what a model takes, then the labels."""

    ids: Tensor  # (B, T) int64, padded on the right
    lengths: Tensor  # (B,)   int64, tokens before the padding, at least 1
    labels: Tensor  # (B,)   int64, class ids


def encode_texts(
    texts: Sequence[str], tokenizer: tiktoken.Encoding, max_length: int | None = None
) -> list[list[int]]:
    """Token ids of each text, cut after `max_length`; an empty text is one end token.

    The end token is the tokenizer's <|endoftext|>; the same words inside a message
    are plain text.
    """
    return [
        ids[:max_length] or [tokenizer.eot_token]
        for ids in tokenizer.encode_ordinary_batch(list(texts))
    ]


class SpamDataset(Dataset):
    """Messages as token ids, cut to `max_length`; `dataset[i]` is (ids, class id).

    `max_length=None` takes the longest message; `dataset.max_length` then says it,
    for validation and test to be cut alike. With `fixed_width` loaders pad every
    message to `max_length`, as in the lecture, otherwise to the longest of its batch.
    Labels must be numbers, as `encode_labels` makes them.
    """

    def __init__(
        self,
        df: pd.DataFrame,
        tokenizer: tiktoken.Encoding,
        max_length: int | None = None,
        *,
        fixed_width: bool = False,
    ):
        if not len(df):
            raise ValueError("no messages: the frame has no rows")
        if not pd.api.types.is_integer_dtype(df["Label"]):
            raise ValueError("labels must be numbers: call encode_labels first")
        if max_length is not None and max_length < 1:
            raise ValueError(f"{max_length=} must be at least 1 token")
        self.ids = encode_texts(df["Text"].tolist(), tokenizer, max_length)
        self.labels = df["Label"].tolist()
        self.max_length = max_length or max(map(len, self.ids))
        self.width = self.max_length if fixed_width else None
        self.pad_id = tokenizer.eot_token  # GPT-2 has no padding token of its own

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> tuple[list[int], int]:
        return self.ids[i], self.labels[i]


def collate(
    examples: Sequence[tuple[list[int], int]], pad_id: int, width: int | None = None
) -> Batch:
    """Stack (ids, label) pairs, padded to `width` or else to the longest of them."""
    ids, labels = zip(*examples, strict=True)
    lengths = torch.tensor([len(tokens) for tokens in ids])
    longest = int(lengths.max())
    if width is not None and width < longest:
        raise ValueError(f"{width=} is less than the longest message's {longest}")
    padded = torch.full((len(ids), width or longest), pad_id)
    for row, tokens in zip(padded, ids, strict=True):
        row[: len(tokens)] = torch.tensor(tokens)
    return Batch(padded, lengths, torch.tensor(labels))


def make_loader(
    dataset: SpamDataset,
    batch_size: int = 8,
    *,
    shuffle: bool = False,
    drop_last: bool = False,
    seed: int = 123,
) -> DataLoader:
    """Batches of `batch_size` messages.

    The loader has its own random generator: reading another one, or this one for
    evaluation, never changes the order in which training sees its batches.
    """
    return DataLoader(
        dataset,
        batch_size,
        shuffle,
        drop_last=drop_last,
        generator=torch.Generator().manual_seed(seed),
        collate_fn=_collate_for(dataset),
    )


def make_bucketed_loader(
    dataset: SpamDataset,
    token_budget: int = TOKEN_BUDGET["cpu"],
    *,
    shuffle: bool = False,
    seed: int = 123,
) -> DataLoader:
    """Batches of messages of like length, each of at most `token_budget` tokens.

    Almost no padding, so the least work; the order is by length, or with `shuffle`
    a new order of new batches every epoch.
    """
    lengths = [dataset.width or len(ids) for ids in dataset.ids]
    generator = torch.Generator().manual_seed(seed) if shuffle else None
    return DataLoader(
        dataset,
        batch_sampler=BucketSampler(lengths, token_budget, generator),
        generator=torch.Generator().manual_seed(seed),
        collate_fn=_collate_for(dataset),
    )


def bucket(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Group the places of `lengths`, longest first, into padded batches.

    A group's longest times its size stays within `token_budget`; a message longer
    than that is alone in its group.

    >>> bucket([3, 9, 2, 8], token_budget=18)
    [[1, 3], [0, 2]]
    """
    if token_budget < 1:
        raise ValueError(f"{token_budget=} must be at least 1 token")
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= token_budget:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def _collate_for(dataset: SpamDataset) -> Callable[..., Batch]:
    return partial(collate, pad_id=dataset.pad_id, width=dataset.width)


class BucketSampler(Sampler[list[int]]):
    """`bucket` as a sampler; with a generator, ties and order change every epoch."""

    def __init__(
        self,
        lengths: Sequence[int],
        token_budget: int,
        generator: torch.Generator | None,
    ):
        self.lengths, self.token_budget = lengths, token_budget
        self.generator = generator
        self.count = len(bucket(lengths, token_budget))

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[list[int]]:
        if self.generator is None:
            yield from bucket(self.lengths, self.token_budget)
            return
        order = torch.randperm(len(self.lengths), generator=self.generator).tolist()
        groups = bucket([self.lengths[i] for i in order], self.token_budget)
        for group in torch.randperm(len(groups), generator=self.generator).tolist():
            yield [order[i] for i in groups[group]]
