"""`make faults`: kill the real command at random moments, resume it, and count.

    python tests/faults/trial.py --kills 200 --seed 1

Each trial overwrites a whole run, and is killed once by a random signal at a random
moment. Then there must be the old run or the new one, whole; the new one's pictures
come after the rest of it, all at once. Half of the killed ones are continued with
--resume: their weights must be those of a run that nobody killed.
The other half start anew. Nothing may be left over.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from killing import tree

from spamft.experiments.pictures import PICTURES
from spamft.experiments.run import RESULTS
from spamft.plumbing.files import sha256
from spamft.use.saved import load

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
COMMAND = [sys.executable, "-m", "spamft", "finetune", "--data", "sample", "--model"]
SETTINGS = ["scratch", "--method", "last_block", "--epochs", "40"]


def main() -> None:
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--kills", type=int, default=200)
    made.add_argument("--seed", type=int, default=1)
    args = made.parse_args()
    # a shell lets its background jobs ignore Ctrl-C, and their children with them
    signal.signal(signal.SIGINT, signal.default_int_handler)
    draw, found = random.Random(args.seed), Counter()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _straight(place / "old", 1)
        new = _straight(place / "new", 2)
        longest = _seconds(place)
        print(f"a whole run takes {longest:.1f} s; kills at random moments:")
        try:
            while found["kills"] < args.kills:
                found.update(_trial(place / "trial", place, new, longest, draw))
        finally:  # also after Ctrl-C
            for line, count in sorted(found.items()):
                print(f"{count:6d}  {line}")
    if bad := [line for line in found if line.startswith("BAD")]:
        sys.exit(f"{len(bad)} kinds of damage")


def _command(output: Path, seed: int, *options: str) -> list[str]:
    return [
        *(*COMMAND, *SETTINGS, "--seed", str(seed), "--output", str(output)),
        *("--cache-dir", str(output.parent), *options),
    ]


def _straight(output: Path, seed: int) -> str:
    """A run that nobody kills; the SHA-256 of its weights."""
    subprocess.run(_command(output, seed), check=True, capture_output=True)
    return sha256(output / "model" / "model.safetensors")


def _seconds(place: Path) -> float:
    began = time.monotonic()
    _straight(place / "timed", 2)
    shutil.rmtree(place / "timed")
    return time.monotonic() - began


def _trial(
    place: Path, folder: Path, new: str, longest: float, draw: random.Random
) -> list[str]:
    """What one kill showed, in lines to count; "BAD" begins what must not be."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    run = place / "run"
    shutil.copytree(folder / "old", run)
    before = tree(run)
    with_signal = draw.choice(SIGNALS)
    process = subprocess.Popen(
        _command(run, 2, "--overwrite"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(draw.uniform(0, longest))
        return ["no kill: the run had ended"]
    except subprocess.TimeoutExpired:
        process.send_signal(with_signal)
    process.wait()
    left = _what_is_left(run, before, new)
    if left is None:
        return ["kills", f"BAD neither old nor new after {with_signal.name}"]
    lines = ["kills", f"the {left} whole"]
    resume = draw.random() < 0.5
    again = _command(run, 2, "--overwrite", *(["--resume"] if resume else []))
    shown = subprocess.run(again, capture_output=True, text=True)
    if shown.returncode or _what_is_left(run, before, new) != "new run":
        return [*lines, "BAD the next start failed or gave other weights"]
    if [path.name for path in place.iterdir()] != ["run"]:
        return [*lines, "BAD something is left over"]
    where = "in the middle" if "resume: at step" in shown.stdout else "at the beginning"
    return [*lines, f"resumed {where}, same bits" if resume else "anew, same bits"]


def _what_is_left(run: Path, before: dict[str, str], new: str) -> str | None:
    """Which run is there, in words; None for a part of one, or for parts of both."""
    found = tree(run)
    if found == before:
        return "old run"
    if found is None or not _is_whole(run, new):
        return None
    drawn = [name for name in PICTURES if name in found]
    # of two runs with the same mistakes the losses still differ
    if (
        len(drawn) not in (0, len(PICTURES))
        or found.get("loss.png") == before["loss.png"]
    ):
        return None
    return "new run" if drawn else "new run, not yet drawn,"


def _is_whole(run: Path, digest: str) -> bool:
    """Whether a run with these weights is there, pictures aside, and opens."""
    if not all((run / name).exists() for name in RESULTS if name not in PICTURES):
        return False
    json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    load(run)
    return sha256(run / "model" / "model.safetensors") == digest


if __name__ == "__main__":
    main()
