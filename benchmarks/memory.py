"""Peak memory and seconds of `spamft finetune` by rows, classes and longest text.

    python benchmarks/memory.py
    python benchmarks/memory.py --rows 4000 64000 --model tiny --method last_block

Each line is one process: by default the head of a small GPT with random weights,
trained for one epoch on made messages. The first line, with the fewest of all, is what
everything else stands on: Python, torch and the model. Memory is anonymous memory:
pages of mapped files, which the system drops when it needs room, do not count. Linux
only.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from setting import watch

COMMAND = (sys.executable, "-m", "spamft", "finetune", "--epochs", "1")
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
    made = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    made.add_argument("--rows", type=int, nargs="+", help="only these, of two classes")
    made.add_argument("--model", default="scratch")
    made.add_argument("--method", default="head")
    args = made.parse_args()
    trials = [(rows, 2, 60) for rows in args.rows] if args.rows else TRIALS
    print("| rows | classes | longest text | peak memory | over the first | seconds |")
    print("|---|---|---|---|---|---|")
    first = None
    for trial in trials:
        with tempfile.TemporaryDirectory() as folder:
            options = ["--model", args.model, "--method", args.method]
            peak, seconds = _measure(Path(folder), options, *trial)
        first = first or peak
        shown = " | ".join(f"{number:,}" for number in trial)
        over = f"{peak / first:.2f}"
        print(f"| {shown} | {peak:,.0f} MiB | {over} | {seconds:.0f} |", flush=True)


def _measure(
    folder: Path, options: list[str], rows: int, classes: int, longest: int
) -> tuple[float, float]:
    data = folder / "messages.csv"
    _write(data, rows, classes, longest)
    began = time.perf_counter()
    process = subprocess.Popen(
        [*COMMAND, *options, "--data", str(data), "--output", str(folder / "run")],
        stdout=subprocess.DEVNULL,
    )
    peak = watch(process)
    if process.returncode:
        sys.exit(f"{rows} rows, {classes} classes, {longest} characters: it failed")
    return peak, time.perf_counter() - began


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
