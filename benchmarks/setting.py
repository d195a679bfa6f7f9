"""What all benchmarks share: the machine, the messages, a GPT of GPT-2's shape.

The weights are random: nothing is downloaded, and time does not depend on them.
"""

import argparse
import json
import math
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from spamft.batches import encode_splits
from spamft.classifier import GPTClassifier
from spamft.data import Splits
from spamft.gpt import GPT, GPTConfig
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.models.precision import lower_precision
from spamft.plumbing.machine import processor
from spamft.plumbing.threads import describe_threads
from spamft.sources import open_splits
from spamft.tokenizer import load_tokenizer

__all__ = [
    "GPT2",
    "Clock",
    "finish",
    "gpt2_parser",
    "lecture_datasets",
    "machine",
    "model",
    "parser",
    "table",
    "watch",
]

GPT2 = GPTConfig()  # 124M parameters


class Clock:
    """Seconds of a `with` block, and those of its threads at work."""

    def __enter__(self) -> "Clock":
        self.began, self.cpu_began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error) -> None:
        self.seconds = time.perf_counter() - self.began
        self.cpu_seconds = time.process_time() - self.cpu_began


def watch(process: subprocess.Popen, kill_after: float = math.inf) -> float:
    """The most anonymous memory that it holds until it ends, in MB, 20 samples a
    second; after `kill_after` seconds it is killed. Linux only."""
    began, peak = time.perf_counter(), 0
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        for line in status.read_text().splitlines():
            if line.startswith("RssAnon"):
                peak = max(peak, int(line.split()[1]))
        if time.perf_counter() - began > kill_after:
            process.kill()
        time.sleep(0.05)
    return peak / 1024


def parser(description: str) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--data", default="uci", help="'uci' or the UCI zip")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    return made


def gpt2_parser(description: str) -> argparse.ArgumentParser:
    """With `--layers`, for a trial on a network that is not as deep as GPT-2."""
    made = parser(description)
    made.add_argument(
        "--layers", type=int, default=GPT2.n_layers, help="blocks, by default GPT-2's"
    )
    return made


def lecture_datasets(
    data: str, *, fixed_width: bool, most: int | None = None
) -> Splits:
    """The lecture's 1045 / 149 / 300 messages; as wide as the longest, or ragged.

    For a trial, at `most` so many of each part.
    """
    splits, tokenizer = open_splits(data, lecture=True).splits, load_tokenizer("gpt2")
    splits = Splits(*(part[:most] for part in splits))
    return encode_splits(
        splits, tokenizer, GPT2.context_length, fixed_width=fixed_width
    )


def model(
    layers: int,
    pooling: str = "last_real",
    *,
    trains: str = "last_block",
    precision: str = "float32",
) -> GPTClassifier:
    """Fresh, the same each time, with last block, norm and head to train.

    What is frozen multiplies in `precision`.
    """
    task = Task(("ham", "spam"), GPT2.context_length, pooling)
    gpt = GPT(replace(GPT2, n_layers=layers), seed=1)
    classifier = METHODS[trains].attach(gpt, task, 1)
    lower_precision(classifier.gpt, precision)
    return classifier


def machine() -> str:
    return f"{processor()}, {describe_threads()}, torch {torch.__version__}"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def finish(
    args: argparse.Namespace,
    numbers: dict,
    show: Callable[[dict], str],
) -> None:
    """Print the table, and write the numbers where asked to."""
    numbers = {"machine": machine()} | numbers
    print(numbers["machine"], "\n")
    print(show(numbers))
    if args.json:
        args.json.write_text(json.dumps(numbers, indent=2) + "\n")
