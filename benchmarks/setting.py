"""What all benchmarks share: the machine, the messages, a GPT of GPT-2's shape.

The weights are random: nothing is downloaded, and time does not depend on them.
"""

import argparse
import json
import math
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import torch

from spamft.batches import encode_splits
from spamft.classifier import GPTClassifier
from spamft.data import Splits
from spamft.gpt import GPT, GPTConfig
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.sources import open_splits
from spamft.tokenizer import load_tokenizer

__all__ = [
    "GPT2",
    "Clock",
    "finish",
    "lecture_datasets",
    "machine",
    "matrix_rate",
    "model",
    "parser",
    "table",
    "watch",
]

GPT2 = GPTConfig()  # 124M parameters


class Clock:
    """Seconds of a `with` block."""

    def __enter__(self) -> "Clock":
        self.began = time.perf_counter()
        return self

    def __exit__(self, *error) -> None:
        self.seconds = time.perf_counter() - self.began


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


def lecture_datasets(data: str, *, fixed_width: bool) -> Splits:
    """The lecture's 1045 / 149 / 300 messages; as wide as the longest, or ragged."""
    splits, tokenizer = open_splits(data, lecture=True).splits, load_tokenizer("gpt2")
    return encode_splits(
        splits, tokenizer, GPT2.context_length, fixed_width=fixed_width
    )


def model(pooling: str = "last_real") -> GPTClassifier:
    """Fresh, the same each time, with last block, norm and head to train."""
    task = Task(("ham", "spam"), GPT2.context_length, pooling)
    return METHODS["last_block"].attach(GPT(GPT2, seed=1), task, 1)


def matrix_rate(seconds: float = 1.0) -> float:
    """GFLOP/s of a float32 product of the blocks: (1024, 768) by (768, 3072)."""
    a, b = torch.randn(1024, 768), torch.randn(768, 3072)
    rates, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(rates) < 3:
        with Clock() as clock:
            for _ in range(10):
                a @ b
        rates.append(10 * 2 * 1024 * 768 * 3072 / clock.seconds / 1e9)
    return sorted(rates)[len(rates) // 2]


def machine() -> str:
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            x for x in cpuinfo.read_text().splitlines() if x.startswith("model na")
        ]
        name = names[0].split(":")[1].strip() if names else name
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}"


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
