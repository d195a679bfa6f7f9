"""Tokenized messages -> padded batches.

    encode_splits -> SpamDataset -> make_loader or make_bucketed_loader -> Batch

Padding is on the right only, and every batch says how long its messages truly are:
the padding id is also a real token, so it cannot tell. A loader takes any dataset
that has `collate` (and, for buckets, `lengths`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import tiktoken
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from spamft.data import Splits
from spamft.plumbing.buckets import BucketSampler, SimilarLengths
from spamft.plumbing.device import token_budget as default_token_budget
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.ragged import Ragged
from spamft.reading.frame import check_frame

__all__ = [
    "Batch",
    "SpamDataset",
    "TokenDataset",
    "collate",
    "encode_splits",
    "encode_texts",
    "make_bucketed_loader",
    "make_loader",
]


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
    # one after the other: tiktoken's threads cost three times what they tokenize
    return [
        tokenizer.encode_ordinary(text)[:max_length] or [tokenizer.eot_token]
        for text in texts
    ]


class TokenDataset(Dataset):
    """Token ids and class ids of messages; `dataset[i]` is (ids, class id).

    `max_length` is the most tokens that a message may have here. With `fixed_width`
    batches are padded to it, as in the lecture, otherwise to their longest message.
    """

    def __init__(
        self,
        ids: Sequence[list[int]],
        labels: Sequence[int],
        pad_id: int,
        max_length: int | None = None,
        *,
        fixed_width: bool = False,
    ):
        self.ids = ids if isinstance(ids, Ragged) else Ragged(ids)
        self.labels, self.pad_id = list(labels), pad_id
        self.max_length = max_length or max(self.ids.lengths)
        self.width = self.max_length if fixed_width else None
        self.cut = 0  # messages that were longer

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, i: int) -> tuple[list[int], int]:
        return self.ids[i], self.labels[i]

    @property
    def lengths(self) -> list[int]:
        """How many tokens of a batch each message takes."""
        return [self.width or length for length in self.ids.lengths]

    def collate(self, examples: Sequence[tuple[list[int], int]]) -> Batch:
        """Examples of this dataset -> a batch."""
        return collate(examples, self.pad_id, self.width)


class SpamDataset(TokenDataset):
    """Messages as token ids, cut to `max_length`; `dataset[i]` is (ids, class id).

    `max_length=None` takes the longest message. Labels must be numbers, as
    `encode_labels` makes them.
    """

    def __init__(
        self,
        df: pd.DataFrame,
        tokenizer: tiktoken.Encoding,
        max_length: int | None = None,
        *,
        fixed_width: bool = False,
    ):
        check_frame(df, "Label", "Text")
        if not len(df):
            raise SpamftError("no messages: the frame has no rows")
        if not pd.api.types.is_integer_dtype(df["Label"]):
            raise SpamftError("labels must be numbers: call encode_labels first")
        if max_length is not None and max_length < 1:
            raise SpamftError(f"{max_length=} must be at least 1 token")
        ids, cut = Ragged(), 0
        for text in df["Text"]:
            [whole] = encode_texts([text], tokenizer)
            ids.append(whole[:max_length])
            cut += len(whole) > len(whole[:max_length])
        pad_id = tokenizer.eot_token  # GPT-2 has no padding token of its own
        labels = df["Label"].tolist()
        super().__init__(ids, labels, pad_id, max_length, fixed_width=fixed_width)
        self.cut = cut


def encode_splits(
    splits: Splits,
    tokenizer: tiktoken.Encoding,
    context: int,
    *,
    max_length: int | None = None,
    fixed_width: bool = False,
) -> Splits:
    """Tokenize the three parts, cut to the longest training message: no position beyond
    it is ever trained.

    `context` is the most that the model can read; `max_length` cuts shorter still.
    Raises SpamftError if it exceeds the context.
    """
    if max_length is not None and max_length > context:
        raise SpamftError(f"{max_length=} exceeds the model's context of {context}")
    most = context if max_length is None else max_length
    train = SpamDataset(splits.train, tokenizer, most)
    longest = max(map(len, train.ids))
    rest = (
        SpamDataset(part, tokenizer, longest, fixed_width=fixed_width)
        for part in splits[1:]
    )
    train.max_length, train.width = longest, longest if fixed_width else None
    return Splits(train, *rest)


def collate(
    examples: Sequence[tuple[list[int], int]], pad_id: int, width: int | None = None
) -> Batch:
    """Stack (ids, label) pairs, padded to `width`, or else to the longest of them."""
    ids, labels = zip(*examples, strict=True)
    lengths = torch.tensor([len(tokens) for tokens in ids])
    longest = max(map(len, ids))
    if width is not None and width < longest:
        raise SpamftError(f"{width=} is less than the longest message's {longest}")
    padded = torch.full((len(ids), width or longest), pad_id)
    for row, tokens in zip(padded, ids, strict=True):
        row[: len(tokens)] = torch.tensor(tokens)
    return Batch(padded, lengths, torch.tensor(labels))


def make_loader(
    dataset: Dataset,
    batch_size: int = 8,
    *,
    shuffle: bool = False,
    similar: bool = False,
    drop_last: bool = False,
    batches: int | None = None,
    seed: int = 123,
) -> DataLoader:
    """Batches of `batch_size` examples, as the dataset's `collate` makes them.

    With `similar`, shuffled batches have examples of similar length, and so little
    padding; every example still comes once per epoch. `batches` stops after that many,
    in the dataset's order. The loader has its own random generator, so reading another
    one never changes the order of its batches.
    """
    if shuffle and batches is not None:
        raise SpamftError(
            "batches= takes the first ones, in the dataset's order: leave out shuffle"
        )
    generator = torch.Generator().manual_seed(seed)
    if similar:
        if not shuffle or drop_last:
            raise SpamftError("similar= shuffles, and drops nothing")
        return DataLoader(
            dataset,
            batch_sampler=SimilarLengths(dataset.lengths, batch_size, generator),
            generator=generator,
            collate_fn=dataset.collate,
        )
    first = None if batches is None else range(min(len(dataset), batches * batch_size))
    return DataLoader(
        dataset,
        batch_size,
        shuffle,
        sampler=first,
        drop_last=drop_last,
        generator=generator,
        collate_fn=dataset.collate,
    )


def make_bucketed_loader(
    dataset: Dataset,
    token_budget: int | None = None,
    *,
    shuffle: bool = False,
    seed: int = 123,
) -> DataLoader:
    """Batches of examples of similar length, within `token_budget` tokens if possible.

    Almost no padding, so the least work; the order is by length, or with `shuffle`
    new batches in a new order every epoch. The budget is by default what suits a CPU.
    """
    budget = token_budget or default_token_budget(torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed) if shuffle else None
    return DataLoader(
        dataset,
        batch_sampler=BucketSampler(dataset.lengths, budget, generator),
        # a DataLoader without one of its own would draw from the global generator
        generator=torch.Generator().manual_seed(seed),
        collate_fn=dataset.collate,
    )
