"""A run in every format: how far it agrees with spamft, how large it is, how fast.

python benchmarks/formats.py runs/demo

Each program classifies the run's test part, one after the other, in several rounds; the
fastest counts, in messages a second of processor time, so that what else the machine
does matters little. With one thread: OMP_NUM_THREADS=1.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import torch
from setting import finish, table
from torch import Tensor

from spamft.export.finished import Finished, open_finished
from spamft.export.onnx_runner import Runner
from spamft.export.to_onnx import PLAIN, SMALL, export_onnx, measure
from spamft.export.to_transformers import export_transformers

WEIGHTS = "model.safetensors"
BATCH_SIZES = (1, 16)  # of transformers' pipeline
ROUNDS = 3


class Format(NamedTuple):
    """A program with the run in it."""

    opens_in: str
    path: Path  # of its weights
    run: Callable[[list[str]], Tensor]  # texts -> (N, K) calibrated probabilities


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    made.add_argument("run_folder", type=Path, metavar="RUN")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    args = made.parse_args()
    run = open_finished(args.run_folder)
    with tempfile.TemporaryDirectory() as folder:
        formats = _export(run, Path(folder))
        numbers = {
            name: asdict(measure(each.run, each.path, run)[0])
            | {"opens_in": each.opens_in, "per_second": 0.0}
            for name, each in formats.items()
        }
        for _ in range(ROUNDS):
            for name, each in formats.items():
                fastest = max(numbers[name]["per_second"], _rate(each, run))
                numbers[name]["per_second"] = fastest
    finish(args, {"messages": len(run.test), "formats": numbers}, _show)


def _export(run: Finished, folder: Path) -> dict[str, Format]:
    hugging, plain, small = (folder / name for name in ("hf", "float32", "int8"))
    export_transformers(run, hugging)
    export_onnx(run, plain)
    export_onnx(run, small, int8=True)
    onnxruntime = "onnxruntime, without PyTorch"
    pipeline = _pipeline(hugging, run.model.label_names)
    return {
        "spamft": Format("spamft", run.folder / "model" / WEIGHTS, _spamft(run)),
        **{
            f"transformers, batches of {size}": Format(
                "transformers, and what reads its folders",
                hugging / WEIGHTS,
                lambda texts, size=size: pipeline(texts, size),
            )
            for size in BATCH_SIZES
        },
        "ONNX": Format(onnxruntime, plain / PLAIN, Runner(plain, PLAIN).probabilities),
        "ONNX, int8": Format(
            onnxruntime, small / SMALL, Runner(small, SMALL).probabilities
        ),
    }


def _spamft(run: Finished) -> Callable[[list[str]], Tensor]:
    def probabilities(texts: list[str]) -> Tensor:
        verdicts = run.saved.classify(texts)
        return torch.tensor([[*each.probabilities.values()] for each in verdicts])

    return probabilities


def _pipeline(folder: Path, names: tuple[str, ...]) -> Callable:
    from transformers import pipeline

    classify = pipeline(
        "text-classification", str(folder), truncation=True, top_k=None, device="cpu"
    )

    def probabilities(texts: list[str], size: int) -> Tensor:
        found = classify(texts, batch_size=size)
        shares = [{each["label"]: each["score"] for each in row} for row in found]
        return torch.tensor([[row[name] for name in names] for row in shares])

    return probabilities


def _rate(each: Format, run: Finished) -> float:
    """Messages a second of processor time."""
    began = time.process_time()
    each.run(list(run.test))
    return len(run.test) / (time.process_time() - began)


def _show(numbers: dict) -> str:
    header = ["format", "opens in", "largest difference of a probability"]
    header += [f"verdicts that flip, of {numbers['messages']}", "MB"]
    header += ["messages a second", "spamft is 1"]
    ours = numbers["formats"]["spamft"]["per_second"]
    rows = [
        [
            *(name, each["opens_in"], f"{each['difference']:.1e}"),
            *(f"{each['flipped']:,}", f"{each['size'] / 1e6:.1f}"),
            *(f"{each['per_second']:,.0f}", f"{each['per_second'] / ours:.1f}"),
        ]
        for name, each in numbers["formats"].items()
    ]
    return table(header, rows)


if __name__ == "__main__":
    main()
