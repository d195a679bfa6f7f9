"""Group lengths so that padding them costs little, and a stream so that it fits."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch.utils.data import Sampler

from spamft.plumbing.errors import SpamftError

__all__ = ["BucketSampler", "SimilarLengths", "bucket", "windows"]

T = TypeVar("T")

SPAN = 16  # batches that are sorted together: 7 % padding remains, where it was 70


def bucket(lengths: Sequence[int], token_budget: int) -> list[list[int]]:
    """Group the indices of `lengths`, longest first, into padded batches.

    The longest of a group times its size stays within `token_budget`; a message longer
    than that is alone in its group.

    >>> bucket([3, 9, 2, 8], token_budget=18)
    [[1, 3], [0, 2]]
    """
    if token_budget < 1:
        raise SpamftError(f"{token_budget=} must be at least 1 token")
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= token_budget:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups


def windows(items: Iterable[tuple[T, int]], count: int, size: int) -> Iterator[list[T]]:
    """Cut a stream of (item, its size) into lists of at most `count` items, which
    together stay within `size`; an item larger than that is alone in its list.

    >>> list(windows(zip("abcdef", [1, 1, 1, 9, 2, 2], strict=True), 2, 4))
    [['a', 'b'], ['c'], ['d'], ['e', 'f']]
    """
    window, total = [], 0
    for item, own in items:
        if window and total + own > size:
            yield window
            window, total = [], 0
        window.append(item)
        total += own
        if len(window) == count:  # at once: the next item may be long in coming
            yield window
            window, total = [], 0
    if window:
        yield window


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


class SimilarLengths(Sampler[list[int]]):
    """Shuffled batches of `size` examples of similar length.

    Each example comes once per epoch, at any step and in a batch of any size as likely
    as another, so a step's expected gradient is that of batches drawn without regard to
    length, if each has as many labels as another. Its variance is not: a batch tells of
    one length only. Sorting no more than SPAN batches at a time leaves the rest of
    their members to chance.
    """

    def __init__(self, lengths: Sequence[int], size: int, generator: torch.Generator):
        self.lengths, self.size = torch.tensor(lengths), size
        self.generator = generator

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.size)

    def __iter__(self) -> Iterator[list[int]]:
        order = torch.randperm(len(self.lengths), generator=self.generator)
        # in a smaller batch each example weighs more: who is in it is for chance alone
        rest = len(order) % self.size
        batches = [order[:rest]] if rest else []
        for some in order[rest:].split(SPAN * self.size):
            by_length = some[self.lengths[some].argsort(stable=True)]
            batches += by_length.view(-1, self.size)
        for place in torch.randperm(len(batches), generator=self.generator).tolist():
            yield batches[place].tolist()
