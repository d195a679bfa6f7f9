"""Many messages through `classify --file --output`: memory, rate, kills and resumes.

    python benchmarks/many.py --messages 100000 1000000 --kills 3

The messages are made, no two alike, of about 15 words; the model is the bundled GPT
with a head of random weights, saved. Each size is classified twice: straight, and by a
process that is killed at random moments and started again. The bytes of both must be
the same. Linux only.
"""

import argparse
import math
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import WORDS
from setting import table, watch

from spamft.classifier import GPTClassifier
from spamft.plumbing.files import sha256
from spamft.sources import open_model
from spamft.use.saved import save


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    made.add_argument("--messages", type=int, nargs="+", default=[10_000, 100_000])
    made.add_argument("--kills", type=int, default=3, help="of the second process")
    made.add_argument("--model", default="tiny", help="whose GPT classifies")
    args = made.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        place, base = Path(folder), open_model(args.model)
        most = base.gpt.config.context_length
        classifier = GPTClassifier(base.gpt, seed=1, max_length=most)
        save(classifier, place / "model", base.tokenizer)
        for count in args.messages:
            _write(place / "in.csv", count)
            seconds, peak = _run(place, "straight.csv", math.inf)
            killed = _kill(place, args.kills, seconds)
            digests = {sha256(place / f"{name}.csv") for name in ("straight", "killed")}
            same = "the same" if len(digests) == 1 else "DIFFERENT"
            numbers = [f"{count:,}", f"{peak:,.0f} MB", f"{count / seconds:,.0f}"]
            rows.append([*numbers, str(killed), same])
            for name in ("straight", "killed"):
                (place / f"{name}.csv").unlink()
    header = ["messages", "peak memory", "messages a second", "kills", "bytes then"]
    print(table(header, rows))


def _kill(place: Path, kills: int, seconds: float) -> int:
    """Classify to the end in spite of so many kills; fewer, if it ended before."""
    killed = 0
    while not (place / "killed.csv").exists():
        again = killed < kills
        _run(
            place,
            "killed.csv",
            random.uniform(0.2, 0.9) * seconds if again else math.inf,
        )
        killed += not (place / "killed.csv").exists()
    return killed


def _write(path: Path, count: int) -> None:
    draw = random.Random(1)
    with path.open("w") as file:
        file.write("id,Text\n")
        for row in range(count):
            words = draw.choices(WORDS, k=max(2, int(draw.lognormvariate(2.6, 0.6))))
            file.write(f"{row},{' '.join(words)} {row}\n")


def _run(place: Path, output: str, kill_after: float) -> tuple[float, float]:
    """Classify to the end, or until it is killed: (seconds, MB of anonymous memory)."""
    began = time.perf_counter()
    options = ["--model", "model", "--file", "in.csv", "--output", output]
    process = subprocess.Popen(
        [sys.executable, "-m", "spamft", "classify", *options], cwd=place
    )
    peak = watch(process, kill_after)
    if process.returncode not in (0, -9):
        sys.exit(process.returncode)
    return time.perf_counter() - began, peak


if __name__ == "__main__":
    main()
