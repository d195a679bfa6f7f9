"""The frozen part is a fixed function: run it once, train on what it said.

    model + loaders of token ids -> the trainable top + loaders of hidden states

With the last block training and dropout 0, the blocks below give the same vectors
for a message in every epoch and every evaluation. `run_trunk` computes them once;
the same `fit` and `evaluate` then run on the top, which shares the model's own
parameters. Shapes: B batch, T tokens, C channels, K classes.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from spamft.batches import TOKEN_BUDGET, SpamDataset, bucket
from spamft.classifier import GPTClassifier
from spamft.modes import evaluation_mode

__all__ = ["HiddenBatch", "Top", "TrunkPlan", "find_cut", "plan_trunk", "run_trunk"]

MEMORY_BUDGET = 4 * 2**30  # bytes of hidden states in memory; more go to a file


class HiddenBatch(NamedTuple):
    """B messages as the trunk left them: what the top takes, then the labels."""

    hidden: Tensor  # (B, T, C) float32, 0 after a message's end; (B, C) for the head
    lengths: Tensor  # (B,) int64, tokens before the padding
    labels: Tensor  # (B,) int64, class ids


class Top(nn.Module):
    """What of `model` comes after the trunk; it shares the model's parameters."""

    def __init__(self, model: GPTClassifier, cut: int):
        super().__init__()
        self.model, self.cut = model, cut

    def forward(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, C) or, for the head alone, (B, C) hidden states -> (B, K) logits."""
        if self.training and find_cut(self.model) < self.cut:
            raise ValueError(
                "a parameter below the cached hidden states trains: run the trunk again"
            )
        if hidden.dim() == 2:
            return self.model.head(hidden)
        return self.model.judge(hidden, lengths, start=self.cut)


@dataclass(frozen=True)
class TrunkPlan:
    """What a trunk pass will cost, known before it starts."""

    blocks: int  # that run once
    messages: int  # different ones
    tokens: int  # of these, with the padding that the model is meant to see
    padded: int  # tokens that are computed, batches' padding included
    bytes: int  # of hidden states to keep
    flops: int  # of the blocks' matrix products

    def __str__(self) -> str:
        if not self.blocks:
            return "trunk: every block trains, so nothing is run once and kept"
        waste = 1 - self.tokens / self.padded
        return (
            f"trunk: {self.blocks} frozen blocks run once on {self.messages:,} "
            f"different messages, {self.tokens:,} tokens ({waste:.1%} padding), "
            f"{self.bytes / 1e6:,.0f} MB to keep"
        )


def find_cut(model: GPTClassifier) -> int:
    """The number of blocks before the first parameter that trains.

    0 if the embeddings or the first block train; the number of blocks if the head
    alone does, and then the final norm belongs to the trunk too.
    """
    gpt = model.gpt
    if any(p.requires_grad for e in (gpt.tok_emb, gpt.pos_emb) for p in e.parameters()):
        return 0
    for number, block in enumerate(gpt.blocks):
        if any(p.requires_grad for p in block.parameters()):
            return number
    norm_trains = any(p.requires_grad for p in gpt.final_norm.parameters())
    return len(gpt.blocks) - norm_trains


def plan_trunk(
    model: GPTClassifier,
    loaders: Sequence[DataLoader],
    dtype: torch.dtype = torch.float32,
    share_equal: bool = True,
) -> TrunkPlan:
    """Count what `run_trunk` would compute and keep for these loaders."""
    return _Work(model, loaders, dtype, share_equal).plan


@contextmanager
def run_trunk(
    model: GPTClassifier,
    loaders: Sequence[DataLoader],
    *,
    dtype: torch.dtype = torch.float32,
    memory_budget: int = MEMORY_BUDGET,
    folder: Path | str | None = None,
    bf16: bool = False,
    share_equal: bool = True,
    progress: bool = False,
    log: Callable[[str], None] | None = None,
) -> Iterator[tuple[nn.Module, list[DataLoader]]]:
    """Give the trainable top and, for each loader of a SpamDataset, one of its states.

    The new loaders bring the same messages in the same order. Messages with equal
    tokens are computed once. Hidden states are kept as `dtype`, float32 or bfloat16;
    up to `memory_budget` bytes in memory, above that in a file in `folder`, removed
    at the end. `bf16` computes in bfloat16. If every block trains, model and loaders
    come back as they are. `log` gets a line before the pass and one after it.

    Raises ValueError if dropout would make the trunk another function each time, or
    if the budget is exceeded and no folder given.
    """
    work = _Work(model, loaders, dtype, share_equal)
    if log:
        log(str(work.plan))
    if work.plan.blocks == 0:
        yield model, list(loaders)
        return
    if model.gpt.config.dropout:
        raise ValueError(
            f"dropout {model.gpt.config.dropout} makes the frozen blocks another "
            "function at every step: set it to 0 or train without the cache"
        )
    with _store(work, memory_budget, folder) as store:
        began = time.perf_counter()
        work.fill(store, bf16, progress)
        seconds = time.perf_counter() - began
        if log:
            rate = work.plan.flops / seconds / 1e9
            log(f"trunk: {seconds:.1f} s, {rate:,.0f} GFLOP/s")
        yield Top(model, work.plan.blocks), work.hidden_loaders(store)


class _Work:
    """The different token sequences of some loaders, and where each message's is."""

    def __init__(
        self,
        model: GPTClassifier,
        loaders: Sequence[DataLoader],
        dtype: torch.dtype,
        share_equal: bool,
    ):
        if dtype not in (torch.float32, torch.bfloat16):
            raise ValueError(f"{dtype=} must be torch.float32 or torch.bfloat16")
        self.model, self.loaders, self.dtype = model, loaders, dtype
        self.cut = find_cut(model)
        self.places: dict[int, list[int]] = {}  # by the dataset's id
        number_of: dict[tuple, int] = {}
        self.sequences: list[tuple[list[int], int]] = []  # (ids with padding, length)
        for dataset in {id(x.dataset): x.dataset for x in loaders}.values():
            self.places[id(dataset)] = [
                self._number(dataset, i, number_of, share_equal)
                for i in range(len(dataset))
            ]
        self.widths = [len(ids) for ids, _ in self.sequences]
        device = model.head.weight.device.type
        budget = TOKEN_BUDGET.get(device, TOKEN_BUDGET["cpu"])
        self.groups = bucket(self.widths, budget)
        self.whole = self.cut == len(model.gpt.blocks)  # then one vector a message
        self.plan = self._plan()

    def _number(
        self, dataset: SpamDataset, i: int, number_of: dict, share_equal: bool
    ) -> int:
        ids = dataset.ids[i]
        width = dataset.width or len(ids)
        key = (*ids, width) if share_equal else (id(dataset), i)
        if key not in number_of:
            number_of[key] = len(self.sequences)
            padding = [dataset.pad_id] * (width - len(ids))
            self.sequences.append((ids + padding, len(ids)))
        return number_of[key]

    def _plan(self) -> TrunkPlan:
        tokens, channels = sum(self.widths), self.model.gpt.config.emb_dim
        padded = sum(len(g) * self.widths[g[0]] for g in self.groups)
        rows = len(self.widths) if self.whole else tokens
        # for the head alone the last block computes keys and values, 2 of its 12 C^2
        full = self.cut - 10 / 12 if self.whole else self.cut
        return TrunkPlan(
            blocks=self.cut,
            messages=len(self.widths),
            tokens=tokens,
            padded=padded,
            bytes=rows * channels * self.dtype.itemsize,
            flops=int(padded * full * 24 * channels**2),  # 12 C^2 weights, 2 flops each
        )

    @torch.no_grad()
    def fill(self, store: Tensor, bf16: bool, progress: bool) -> None:
        """Write every sequence's rows into `store` (rows, C)."""
        model, device = self.model, self.model.head.weight.device
        starts = self.starts()
        with (
            evaluation_mode(model),
            tqdm(
                total=self.plan.tokens,
                unit="token",
                unit_scale=True,
                desc="trunk",
                disable=not progress,
            ) as bar,
            torch.autocast(device.type, torch.bfloat16, enabled=bf16),
        ):
            for group in self.groups:
                ids = pad_sequence(
                    [torch.tensor(self.sequences[i][0]) for i in group],
                    batch_first=True,
                ).to(device)
                x = model.gpt.embed(ids)  # (B, T, C)
                if self.whole:
                    lengths = torch.tensor([self.sequences[i][1] for i in group])
                    store[group] = model.pool(x, lengths.to(device)).to(store)
                else:
                    for block in model.gpt.blocks[: self.cut]:
                        x = block(x)
                    for row, i in zip(x, group, strict=True):
                        end = starts[i] + self.widths[i]
                        store[starts[i] : end] = row[: self.widths[i]].to(store)
                bar.update(sum(self.widths[i] for i in group))

    def starts(self) -> list[int]:
        """The row of `store` where each sequence begins."""
        if self.whole:
            return list(range(len(self.widths)))
        return [0, *torch.tensor(self.widths).cumsum(0).tolist()][:-1]

    def hidden_loaders(self, store: Tensor) -> list[DataLoader]:
        starts = self.starts()
        return [
            DataLoader(
                _HiddenDataset(self, loader.dataset, store, starts),
                # the loader's own: the same batches in the same order
                batch_sampler=loader.batch_sampler,
                generator=loader.generator,
                collate_fn=_collate_hidden,
            )
            for loader in self.loaders
        ]


class _HiddenDataset(Dataset):
    """`dataset[i]` is ((T, C) or (C,) hidden states, length, label)."""

    def __init__(
        self, work: _Work, dataset: SpamDataset, store: Tensor, starts: list[int]
    ):
        self.work, self.store, self.starts = work, store, starts
        self.labels, self.places = dataset.labels, work.places[id(dataset)]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int, int]:
        place = self.places[i]
        start, width = self.starts[place], self.work.widths[place]
        rows = (
            self.store[start] if self.work.whole else self.store[start : start + width]
        )
        return rows, self.work.sequences[place][1], self.labels[i]


def _collate_hidden(examples: Sequence[tuple[Tensor, int, int]]) -> HiddenBatch:
    hidden, lengths, labels = zip(*examples, strict=True)
    together = (
        torch.stack(hidden)
        if hidden[0].dim() == 1
        else pad_sequence(list(hidden), batch_first=True)
    )
    return HiddenBatch(together.float(), torch.tensor(lengths), torch.tensor(labels))


@contextmanager
def _store(
    work: _Work, memory_budget: int, folder: Path | str | None
) -> Iterator[Tensor]:
    """A (rows, C) tensor for the hidden states: in memory, or in a file for a while."""
    plan, channels = work.plan, work.model.gpt.config.emb_dim
    shape = (plan.bytes // (channels * work.dtype.itemsize), channels)
    if plan.bytes <= memory_budget:
        yield torch.empty(shape, dtype=work.dtype, device=_keep_on(work))
        return
    if folder is None:
        raise ValueError(
            f"{plan.bytes / 1e6:,.0f} MB of hidden states exceed the budget of "
            f"{memory_budget / 1e6:,.0f} MB: raise it, keep them as bfloat16, or name "
            "a folder for a file"
        )
    descriptor, name = tempfile.mkstemp(prefix="hidden-", suffix=".bin", dir=folder)
    os.close(descriptor)
    try:
        size = shape[0] * shape[1]
        mapped = torch.from_file(name, shared=True, size=size, dtype=work.dtype)
        yield mapped.view(shape)
    finally:
        Path(name).unlink()


def _keep_on(work: _Work) -> torch.device:
    """The model's device if there is room for all, else the CPU."""
    device = work.model.head.weight.device
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return device if work.plan.bytes < free // 2 else torch.device("cpu")
    return device
