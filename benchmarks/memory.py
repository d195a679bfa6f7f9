"""Peak memory and seconds of `spamft finetune` by rows, classes and longest text.

    python benchmarks/memory.py

Each line is one process: the head of a small GPT with random weights, trained for one
epoch on made messages. The first line, with the fewest of all, is what everything else
stands on: Python, torch and the model.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = (
    *(sys.executable, "-m", "spamft", "finetune", "--model", "scratch"),
    *("--method", "head", "--epochs", "1"),
)
WORDS = [
    "please",
    "invoice",
    "login",
    "account",
    "today",
    "again",
    "refund",
    "card",
    "password",
    "help",
]
# rows, classes, characters of the longest text
TRIALS = [
    (1_000, 2, 60),
    (10_000, 2, 60),
    (100_000, 2, 60),
    (120, 20, 60),
    (462, 77, 60),
    (900, 150, 60),
    (3_000, 500, 60),
    (12_000, 2_000, 60),
    (1_000, 2, 100_000),
    (1_000, 2, 10_000_000),
]


def main() -> None:
    print("| rows | classes | longest text | peak memory | seconds |")
    print("|---|---|---|---|---|")
    for trial in TRIALS:
        with tempfile.TemporaryDirectory() as folder:
            peak, seconds = _measure(Path(folder), *trial)
        shown = " | ".join(f"{number:,}" for number in trial)
        print(f"| {shown} | {peak / 2**20:,.0f} MiB | {seconds:.0f} |", flush=True)


def _measure(folder: Path, rows: int, classes: int, longest: int) -> tuple[int, float]:
    data = folder / "messages.csv"
    _write(data, rows, classes, longest)
    began = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, "--data", str(data), "--output", str(folder / "run")],
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{rows} rows, {classes} classes, {longest} characters: {status=}")
    return usage.ru_maxrss * 1024, time.perf_counter() - began


def _write(path: Path, rows: int, classes: int, longest: int) -> None:
    draw = random.Random(0)
    with path.open("w") as file:
        file.write("Label,Text\n")
        for row in range(rows):
            # letters, since messages that differ in digits are duplicates
            number = "".join(chr(97 + int(digit)) for digit in str(row))
            text = " ".join([number, *draw.choices(WORDS, k=7)])
            if row == 0:
                text += " x" * ((longest - len(text)) // 2)
            file.write(f"class {row % classes},{text}\n")


if __name__ == "__main__":
    main()
