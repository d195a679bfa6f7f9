"""The trunk, the blocks that do not train, runs once; training uses its outputs.

    model + datasets of token ids -> the part that trains + datasets of hidden states

With the last block training and dropout 0, the blocks below it compute the same vectors
for a message in every epoch and every evaluation. `cache_trunk` computes them once. It
changes the data, not the loop: the ordinary loaders, `train` and `evaluate` work on
what it returns, and the part that trains shares the model's parameters.

Shapes: B batch, T tokens, C channels.
"""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from spamft.batches import TokenDataset
from spamft.classifier import GPTClassifier
from spamft.data import Splits
from spamft.models.attention import run_blocks
from spamft.plumbing.device import free_memory, to_device
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.modes import evaluation_mode
from spamft.plumbing.scratch import KeptTensor, empty_on_disk
from spamft.trunk.messages import DistinctMessages
from spamft.trunk.part import TrainablePart, read
from spamft.trunk.plan import TrunkPlan

__all__ = ["cache_trunk", "plan_trunk"]

MEMORY_BUDGET = 4 * 2**30  # bytes of hidden states; if there are more, to a file
Log = Callable[[str], None]


def plan_trunk(
    model: GPTClassifier,
    datasets: Sequence[TokenDataset],
    dtype: torch.dtype = torch.float32,
) -> TrunkPlan:
    """Count what `cache_trunk` would compute and keep for these datasets."""
    return DistinctMessages(model, datasets, dtype).plan


def cache_trunk(
    model: GPTClassifier,
    datasets: Sequence[TokenDataset],
    *,
    dtype: torch.dtype = torch.float32,
    memory_budget: int = MEMORY_BUDGET,
    folder: Path | str | None = None,
    keep: Path | None = None,
    progress: bool = False,
    log: Log | None = None,
) -> tuple[TrainablePart, Sequence[Dataset]]:
    """Run the frozen blocks once: (the part that trains, datasets of hidden states).

    Splits give Splits. Messages with the same tokens are computed once. Hidden states
    are kept as `dtype`, float32 or bfloat16: in memory if they fit `memory_budget`
    bytes, else in a file in `folder` (by default the system's for temporary files) that
    goes away with them. With `keep` they stay in that file, and the same call finds
    them there. If the first block trains, or the disk is
    full, the datasets come back as they are. `log` gets a line before and after the
    pass. Raises SpamftError if dropout would change the trunk's outputs each time.
    """
    messages, log = DistinctMessages(model, datasets, dtype), log or (lambda line: None)
    plan = messages.plan
    log(str(plan))
    folder, place = Path(folder or tempfile.gettempdir()), _place(messages)
    if place.type != "cpu":  # they fit there
        memory_budget = max(memory_budget, plan.bytes)
    if not plan.blocks or not _has_room(plan, memory_budget, folder, log):
        return TrainablePart(model), datasets
    if dropout := getattr(model.gpt.config, "dropout", 0.0):
        raise SpamftError(
            f"dropout {dropout} changes the frozen blocks' outputs at every step: "
            "set it to 0 or train without the cache"
        )
    kept = _kept(messages, keep, log)
    store = kept.read(messages.shape, dtype) if kept else None
    if store is None:
        store = _new_store(messages, memory_budget, folder, kept, place)
        began = time.perf_counter()
        _fill(store, messages, progress)
        plan = replace(plan, seconds=time.perf_counter() - began)
        log(f"trunk: {plan.seconds:.1f} s, {plan.gflops_per_second:,.0f} GFLOP/s")
        if kept:
            kept.seal()
    else:
        log(f"trunk: read from {keep}, where an earlier process left it")
    hidden = messages.hidden_datasets(store.to(place))
    hidden = Splits(*hidden) if isinstance(datasets, Splits) else hidden
    return TrainablePart(model, plan.blocks, plan), hidden


def _has_room(plan: TrunkPlan, memory_budget: int, folder: Path, log: Log) -> bool:
    """Whether the hidden states fit into memory or on the disk; if not, say so."""
    if plan.bytes <= memory_budget or _fits(plan, folder):
        return True
    log(f"trunk: no room for them in {folder}, so all blocks run at every step")
    return False


def _fits(plan: TrunkPlan, folder: Path) -> bool:
    return shutil.disk_usage(folder).free > 1.1 * plan.bytes


def _kept(messages: DistinctMessages, keep: Path | None, log: Log) -> KeptTensor | None:
    """The file where the hidden states stay, if that is wanted and possible."""
    if keep is None:
        return None
    keep.parent.mkdir(parents=True, exist_ok=True)
    if not _fits(messages.plan, keep.parent):
        log(f"trunk: no room to keep them in {keep.parent}")
        return None
    return KeptTensor(keep, messages.identity())


def _place(messages: DistinctMessages) -> torch.device:
    """Where training finds the hidden states: on the model's device while they fit
    there twice over, else in the CPU's memory or a file."""
    free = free_memory(messages.device)
    fits = free is None or messages.plan.bytes < free // 2
    return messages.device if fits else torch.device("cpu")


def _new_store(
    messages: DistinctMessages,
    memory_budget: int,
    folder: Path,
    kept: KeptTensor | None,
    place: torch.device,
) -> Tensor:
    """An empty (rows, C) tensor: kept, or at `place`, or in a file in `folder`."""
    if kept:
        return kept.new(messages.shape, messages.dtype)
    if messages.plan.bytes <= memory_budget:
        return torch.empty(messages.shape, dtype=messages.dtype, device=place)
    return empty_on_disk(messages.shape, messages.dtype, folder)


@torch.no_grad()
def _fill(store: Tensor, messages: DistinctMessages, progress: bool) -> None:
    """Write the hidden states of every distinct message into `store` (rows, C)."""
    model, device, starts = messages.model, messages.device, messages.starts()
    bar = tqdm(
        total=messages.plan.tokens,
        unit="token",
        unit_scale=True,
        desc="trunk",
        disable=not progress,
    )
    with evaluation_mode(model), bar:
        for group in messages.groups:
            rows = [torch.tensor(messages.ids[i]) for i in group]
            lengths = torch.tensor([messages.lengths[i] for i in group])
            ids, lengths = to_device((pad_sequence(rows, True), lengths), device)
            x = model.gpt.embed(ids)  # (B, T, C)
            if messages.for_head:
                store[group] = read(model, x, lengths).to(store)
            else:
                mask = model.mask(lengths, x.shape[1])
                x = run_blocks(model.gpt.blocks[: messages.cut], x, mask)
                # the batch in one copy, where that goes from a GPU to the CPU
                for row, i in zip(x.to(store), group, strict=True):
                    end = starts[i] + messages.widths[i]
                    store[starts[i] : end] = row[: messages.widths[i]]
            bar.update(sum(messages.widths[i] for i in group))
