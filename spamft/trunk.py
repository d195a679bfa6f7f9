"""The trunk, the blocks that do not train, runs once; training uses its outputs.

    model + datasets of token ids -> the part that trains + datasets of hidden states

With the last block training and dropout 0, the blocks below it compute the same vectors
for a message in every epoch and every evaluation. `cache_trunk` computes them once. It
changes the data, not the loop: the ordinary loaders, `train` and `evaluate` work on
what it returns, and the part that trains shares the model's parameters.

And of the last block only what is read is computed: see `last_token`.
Shapes: B batch, T tokens, C channels, D channels per head, H heads, K classes.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from spamft.batches import TokenDataset
from spamft.classifier import POOLINGS, GPTClassifier
from spamft.data import Splits
from spamft.plumbing.buckets import bucket
from spamft.plumbing.checkpoint import digest
from spamft.plumbing.device import token_budget
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.modes import evaluation_mode
from spamft.plumbing.scratch import KeptTensor, empty_on_disk

__all__ = [
    "HiddenBatch",
    "HiddenDataset",
    "TrainablePart",
    "TrunkPlan",
    "cache_trunk",
    "find_cut",
    "last_token",
    "plan_trunk",
]

MEMORY_BUDGET = 4 * 2**30  # bytes of hidden states; if there are more, to a file


def last_token(block: nn.Module, x: Tensor, positions: Tensor) -> Tensor:
    """(B, T, C), (B,) -> (B, C): `block(x)[rows, positions]` at less cost.

    The keys and values of every token are needed, but the query, output and MLP only of
    the one that is read. A block without `project` is computed whole.
    """
    rows = torch.arange(len(x), device=x.device)
    if not hasattr(block, "project"):
        return block(x)[rows, positions]
    q, k, v = block.project(x, positions)  # (B, H, 1, D), twice (B, H, T, D)
    seen = torch.arange(x.shape[1], device=x.device) <= positions[:, None]  # (B, T)
    gathered = block.gather(q, k, v, seen[:, None, None])  # (B, 1, C)
    return block.finish(x[rows, positions], gathered[:, 0])


class TrainablePart(nn.Module):
    """The part of `model` after its first `cut` blocks; it shares the parameters.

    With cut 0 that is all of it, and it takes token ids as the model does.
    """

    def __init__(
        self, model: GPTClassifier, cut: int = 0, plan: "TrunkPlan | None" = None
    ):
        super().__init__()
        self.model, self.cut, self.plan = model, cut, plan

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Token ids (B, T), hidden states (B, T, C) or, for the head alone, (B, C),
        -> (B, K) class logits."""
        if self.training and find_cut(self.model) < self.cut:
            raise SpamftError(
                "a parameter below the cached hidden states trains: cache them again"
            )
        if not x.is_floating_point():
            x = self.model.gpt.embed(x)
        if x.dim() == 3:
            x = _read(self.model, x, lengths, self.cut)
        return self.model.head(x)


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
        return HiddenBatch(
            hidden.float(),
            torch.tensor(lengths, device=hidden.device),
            torch.tensor(labels),
        )


@dataclass(frozen=True)
class TrunkPlan:
    """What a trunk pass costs, known before it starts."""

    blocks: int  # that run once
    messages: int  # distinct token sequences
    tokens: int  # of these, with the padding that the model is meant to see
    padded: int  # tokens that are computed, the padding of batches included
    bytes: int  # of hidden states to keep
    flops: int  # of the whole blocks' matrix products: two per weight and token
    seconds: float | None = None  # of the pass, after it

    def __str__(self) -> str:
        if not self.blocks:
            return "trunk: the first block trains, so nothing is cached"
        waste = 1 - self.tokens / self.padded
        return (
            f"trunk: {self.blocks} frozen blocks run once on {self.messages:,} "
            f"distinct messages, {self.tokens:,} tokens ({waste:.1%} padding), "
            f"{self.bytes / 1e6:,.0f} MB to keep"
        )

    @property
    def gflops_per_second(self) -> float | None:
        """The rate of the pass, after it."""
        return self.flops / self.seconds / 1e9 if self.seconds else None


def find_cut(model: GPTClassifier) -> int:
    """The number of blocks before the first parameter that trains.

    0 if the embedding or the first block trains; the number of blocks if the head
    alone does, and then the final norm belongs to the trunk too.
    """
    gpt = model.gpt
    above = [*gpt.blocks, gpt.final_norm]
    inside = {id(p) for part in above for p in part.parameters()}
    if any(p.requires_grad for p in gpt.parameters() if id(p) not in inside):
        return 0
    for number, part in enumerate(above):
        if any(p.requires_grad for p in part.parameters()):
            return min(number, len(gpt.blocks) - 1)
    return len(gpt.blocks)


def plan_trunk(
    model: GPTClassifier,
    datasets: Sequence[TokenDataset],
    dtype: torch.dtype = torch.float32,
) -> TrunkPlan:
    """Count what `cache_trunk` would compute and keep for these datasets."""
    return _Trunk(model, datasets, dtype).plan


def cache_trunk(
    model: GPTClassifier,
    datasets: Sequence[TokenDataset],
    *,
    dtype: torch.dtype = torch.float32,
    memory_budget: int = MEMORY_BUDGET,
    folder: Path | str | None = None,
    keep: Path | None = None,
    bf16: bool = False,
    progress: bool = False,
    log: Callable[[str], None] | None = None,
) -> tuple[TrainablePart, Sequence[Dataset]]:
    """Run the frozen blocks once: (the part that trains, datasets of hidden states).

    Splits give Splits. Messages with the same tokens are computed once. Hidden states
    are kept as `dtype`, float32 or bfloat16: in memory if they fit `memory_budget`
    bytes, else in a file in `folder` (by default the system's for temporary files) that
    goes away with them. With `keep` they stay in that file, and the same call finds
    them there. `bf16` computes in bfloat16. If the first block trains, or the disk is
    full, the datasets come back as they are. `log` gets a line before and after the
    pass. Raises SpamftError if dropout would change the trunk's outputs each time.
    """
    trunk, log = _Trunk(model, datasets, dtype), log or (lambda line: None)
    log(str(trunk.plan))
    folder = folder or tempfile.gettempdir()
    if not trunk.plan.blocks or not trunk.has_room(memory_budget, folder, log):
        return TrainablePart(model), datasets
    if dropout := getattr(model.gpt.config, "dropout", 0.0):
        raise SpamftError(
            f"dropout {dropout} changes the frozen blocks' outputs at every step: "
            "set it to 0 or train without the cache"
        )
    kept, plan = trunk.kept(keep, bf16, log), trunk.plan
    store = kept.read(trunk.shape, dtype) if kept else None
    if store is None:
        store = trunk.new_store(memory_budget, folder, kept)
        began = time.perf_counter()
        trunk.fill(store, bf16, progress)
        plan = replace(plan, seconds=time.perf_counter() - began)
        log(f"trunk: {plan.seconds:.1f} s, {plan.gflops_per_second:,.0f} GFLOP/s")
        if kept:
            kept.seal()
    else:
        log(f"trunk: read from {keep}, where an earlier process left it")
    hidden = trunk.hidden_datasets(store.to(trunk.place))
    hidden = Splits(*hidden) if isinstance(datasets, Splits) else hidden
    return TrainablePart(model, plan.blocks, plan), hidden


class _Trunk:
    """The distinct token sequences of some datasets, and which message has which."""

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
        self.groups = bucket(self.widths, token_budget(model.head.weight.device))
        self.plan = self._plan()

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

    def has_room(
        self, memory_budget: int, folder: Path | str, log: Callable[[str], None]
    ) -> bool:
        """Whether the hidden states fit into memory or on the disk; if not, say so."""
        if self.plan.bytes <= memory_budget or self._fits(folder):
            return True
        log(f"trunk: no room for them in {folder}, so all blocks run at every step")
        return False

    def _fits(self, folder: Path | str) -> bool:
        return shutil.disk_usage(folder).free > 1.1 * self.plan.bytes

    def kept(
        self, keep: Path | None, bf16: bool, log: Callable[[str], None]
    ) -> KeptTensor | None:
        """The file where the hidden states stay, if that is wanted and possible."""
        if keep is None:
            return None
        keep.parent.mkdir(parents=True, exist_ok=True)
        if not self._fits(keep.parent):
            log(f"trunk: no room to keep them in {keep.parent}")
            return None
        return KeptTensor(keep, self.identity(bf16))

    @property
    def place(self) -> torch.device:
        """Where training finds them: on the model's device if they fit there."""
        device = self.model.head.weight.device
        in_file = self.plan.bytes > MEMORY_BUDGET
        return torch.device("cpu") if in_file else _keep_on(device, self.plan.bytes)

    def identity(self, bf16: bool) -> str:
        """What decides the hidden states, as a SHA-256."""
        ids = torch.tensor([i for sequence, _ in self.sequences for i in sequence])
        lengths = torch.tensor([length for _, length in self.sequences])
        settings = [self.cut, str(self.dtype), bf16, self.model.pooling, self.widths]
        device = self.model.head.weight.device.type
        return digest([ids, lengths, settings, device, self.model.state_dict()])

    @property
    def shape(self) -> tuple[int, int]:
        """Of all hidden states below each other: (rows, C)."""
        channels = self.model.gpt.config.emb_dim
        return self.plan.bytes // (channels * self.dtype.itemsize), channels

    def new_store(
        self, memory_budget: int, folder: Path | str, kept: KeptTensor | None
    ) -> Tensor:
        """An empty (rows, C) tensor: kept, or in memory, or in a file in `folder`."""
        if kept:
            return kept.new(self.shape, self.dtype)
        if self.plan.bytes <= memory_budget:
            return torch.empty(self.shape, dtype=self.dtype, device=self.place)
        return empty_on_disk(self.shape, self.dtype, Path(folder))

    @torch.no_grad()
    def fill(self, store: Tensor, bf16: bool, progress: bool) -> None:
        """Write the hidden states of every sequence into `store` (rows, C)."""
        model, device = self.model, self.model.head.weight.device
        starts = self.starts()
        bar = tqdm(
            total=self.plan.tokens,
            unit="token",
            unit_scale=True,
            desc="trunk",
            disable=not progress,
        )
        autocast = torch.autocast(device.type, torch.bfloat16, enabled=bf16)
        with evaluation_mode(model), bar, autocast:
            for group in self.groups:
                rows = [torch.tensor(self.sequences[i][0]) for i in group]
                x = model.gpt.embed(pad_sequence(rows, True).to(device))  # (B, T, C)
                if self.for_head:
                    lengths = torch.tensor([self.sequences[i][1] for i in group])
                    store[group] = _read(model, x, lengths.to(device)).to(store)
                else:
                    for block in model.gpt.blocks[: self.cut]:
                        x = block(x)
                    for row, i in zip(x, group, strict=True):
                        end = starts[i] + self.widths[i]
                        store[starts[i] : end] = row[: self.widths[i]].to(store)
                bar.update(sum(self.widths[i] for i in group))

    def starts(self) -> list[int]:
        """The row of the store where each sequence begins."""
        if self.for_head:
            return list(range(len(self.widths)))
        return [0, *torch.tensor(self.widths).cumsum(0).tolist()][:-1]

    def hidden_datasets(self, store: Tensor) -> list[HiddenDataset]:
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


def _read(model: GPTClassifier, x: Tensor, lengths: Tensor, start: int = 0) -> Tensor:
    """(B, T, C), what enters block `start`, -> (B, C), what the head reads."""
    *blocks, last = model.gpt.blocks[start:]
    for block in blocks:
        x = block(x)
    pooling = POOLINGS[model.pooling]
    if pooling.position is None:
        return pooling.read(model.gpt.final_norm(last(x)), lengths)
    positions = pooling.position(lengths, x.shape[1])
    return model.gpt.final_norm(last_token(last, x, positions))


def _keep_on(device: torch.device, size: int) -> torch.device:
    """The device if it has room for `size` bytes twice over, else the CPU."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return device if size < free // 2 else torch.device("cpu")
    return device
