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
            seconds, peak = _run(place, "straight.csv")
            for _ in range(args.kills):
                _run(place, "killed.csv", random.uniform(0.2, 0.9) * seconds)
            _run(place, "killed.csv")
            digests = {sha256(place / f"{name}.csv") for name in ("straight", "killed")}
            same = "the same" if len(digests) == 1 else "DIFFERENT"
            numbers = [f"{count:,}", f"{peak:,.0f} MB", f"{count / seconds:,.0f}"]
            rows.append([*numbers, same])
            for name in ("straight", "killed"):
                (place / f"{name}.csv").unlink()
    kills = f"bytes after {args.kills} kills"
    print(table(["messages", "peak memory", "messages a second", kills], rows))


def _write(path: Path, count: int) -> None:
    draw = random.Random(1)
    with path.open("w") as file:
        file.write("id,Text\n")
        for row in range(count):
            words = draw.choices(WORDS, k=max(2, int(draw.lognormvariate(2.6, 0.6))))
            file.write(f"{row},{' '.join(words)} {row}\n")


def _run(place: Path, output: str, kill_after: float = math.inf) -> tuple[float, float]:
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
