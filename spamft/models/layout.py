"""Hugging Face's tensors <-> ours, by one table that is read both ways.

Loading reads the table left to right and export right to left, so that the two cannot
disagree.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_json
from spamft.plumbing.tensors import FLOATS, are_finite, read_tensors

__all__ = ["Layout", "check_fit", "open_weights"]

Name = tuple[str, str, bool]  # ours, theirs, transposed?


@dataclass(frozen=True)
class Layout:
    """Which of our parameters is which of theirs, for one architecture."""

    top: tuple[Name, ...]
    block: tuple[Name, ...]  # inside each block
    blocks: str  # theirs for our "blocks"
    prefix: str = ""  # theirs may have it or not, depending on who saved them
    bare: tuple[str, ...] = ()  # theirs that never have it: an output of tokens
    not_weights: tuple[str, ...] = ()  # endings of tensors to pass over
    # theirs: a copy, and what it must equal in a model that has no parameter for it
    tied: tuple[str, str] | None = None

    @property
    def transposed(self) -> bool:
        """Whether they store their linear layers as input x output."""
        return any(flip for _, _, flip in self.block)

    def fill(self, model: nn.Module, weights: dict[str, Tensor], source: str) -> None:
        """Change `model`: give it the tensors of `weights`, which have their names.

        Tensors that need no transposing, cast or copy are taken as they are. Raises
        SpamftError, naming them and `source`, for missing, extra and misshaped ones.
        """
        weights = {
            name.removeprefix(self.prefix): tensor
            for name, tensor in weights.items()
            if not name.endswith(self.not_weights)
        }
        pairs, expected = list(self.pairs(model)), model.state_dict()
        if self.tied and self.tied[0] not in {theirs for _, theirs, _ in pairs}:
            self._drop_copy(weights, source)
        shapes = {
            theirs: expected[ours].T.shape if flip else expected[ours].shape
            for ours, theirs, flip in pairs
        }
        check_fit(weights, shapes, source)
        filled = {
            ours: (weights[theirs].T if flip else weights[theirs]).float()
            for ours, theirs, flip in pairs
        }
        model.load_state_dict(filled, assign=True)

    def export(self, model: nn.Module) -> dict[str, Tensor]:
        """The exact inverse of `fill`, under their names with the prefix.

        Raises SpamftError for a parameter that the table does not name, such as LoRA's.
        """
        weights, pairs = model.state_dict(), list(self.pairs(model))
        if odd := weights.keys() - {ours for ours, _, _ in pairs}:
            raise SpamftError(
                f"{min(odd)} is no part of a plain model: merge_lora first"
            )
        return {
            self._full(theirs): (
                weights[ours].T if flip else weights[ours]
            ).contiguous()
            for ours, theirs, flip in pairs
        }

    def layers(self, model: nn.Module) -> dict[str, str]:
        """Our name -> theirs, with the prefix, of every layer of `model`."""
        return {ours: self._full(theirs) for ours, theirs, _ in self._table(model)}

    def pairs(self, model: nn.Module) -> Iterator[Name]:
        """(our name, their name, transposed?) of every parameter of `model`."""
        names = set(model.state_dict())
        for ours, theirs, flip in self._table(model):
            for kind in ("weight", "bias"):
                if f"{ours}.{kind}" in names:
                    yield (
                        f"{ours}.{kind}",
                        f"{theirs}.{kind}",
                        flip and kind == "weight",
                    )

    def _table(self, model: nn.Module) -> list[Name]:
        """The rows for a model with so many blocks."""
        return list(self.top) + [
            (f"blocks.{i}.{ours}", f"{self.blocks}.{i}.{theirs}", flip)
            for i in range(len(model.blocks))
            for ours, theirs, flip in self.block
        ]

    def _full(self, theirs: str) -> str:
        return theirs if theirs.startswith(self.bare) else self.prefix + theirs

    def _drop_copy(self, weights: dict[str, Tensor], source: str) -> None:
        """Take out the tensor that must equal another, if the file has both."""
        copy, original = self.tied
        untied, tied = weights.pop(copy, None), weights.get(original)
        if untied is None or tied is None or tied.dtype not in FLOATS:
            return  # `fill` refuses what is no float
        if untied.dtype != tied.dtype or not torch.equal(untied, tied):
            raise SpamftError(
                f"{source}: {copy} differs from {original}, but this architecture "
                "uses one matrix for both"
            )


def check_fit(
    weights: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], source: str
) -> None:
    """Raise SpamftError, naming them and `source`, unless there are finite floats of
    these names and shapes, and no others."""
    problems = [f"missing {name}" for name in shapes if name not in weights]
    problems += [f"extra {name}" for name in weights if name not in shapes]
    for name, shape in shapes.items():
        if name in weights:
            problems += _misfits(name, weights[name], shape)
    if problems:
        more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
        raise SpamftError(f"{source}: {brief('; '.join(problems[:5]))}{more}")


def _misfits(name: str, tensor: Tensor, shape: tuple[int, ...]) -> Iterator[str]:
    """What is wrong with a tensor that should have this shape."""
    if tensor.shape != shape:
        yield f"{name} has shape {tuple(tensor.shape)}, expected {tuple(shape)}"
    if tensor.dtype not in FLOATS:
        yield f"{name} is {tensor.dtype}, expected a float of 16, 32 or 64 bits"
    elif not are_finite(tensor):
        yield f"{name} holds numbers that are not finite"


def open_weights(folder: Path) -> dict[str, Tensor]:
    """Every tensor of `model.safetensors`, or of its shards, mapped from the files.

    Raises SpamftError for what is no such file.
    """
    weights = {}
    for path in _weight_files(folder):
        weights |= read_tensors(path)
    return weights


def _weight_files(folder: Path) -> list[Path]:
    single = folder / "model.safetensors"
    index = folder / "model.safetensors.index.json"
    if single.exists():
        return [single]
    if not index.exists():
        raise SpamftError(f"{folder} holds neither {single.name} nor {index.name}")
    try:
        shards = sorted(set(read_json(index)["weight_map"].values()))
    except (KeyError, TypeError, AttributeError):
        raise SpamftError(f"{index}: expected an entry 'weight_map'") from None
    there = {path.name for path in folder.iterdir()}
    for shard in shards:
        if shard not in there:
            what = brief(repr(shard))
            raise SpamftError(f"{index} names {what}, which is not in the folder")
    return [folder / shard for shard in shards]
