"""Steps per second of a small network, by the number of threads and how they wait.

Each in a process of its own, for OpenMP reads how to wait once. What else the machine
does decides the result, so the load is printed, too: run it idle, beside programs of
yours, with --neighbours beside some that only compute, or in a container with a quota.

    python benchmarks/waiting.py --neighbours 4
"""

import os
import statistics
import subprocess
import sys
import time

from neighbours import SPINNING, busy
from setting import finish, parser, table

from spamft.plumbing.threads import COUNT, WAITING

WAYS = {
    "one thread": {COUNT: "1"},
    "all, spinning": SPINNING,
    "all, sleeping": {"OMP_WAIT_POLICY": "PASSIVE"},
}
SECONDS = 3.0  # of each measurement


def main() -> None:
    made = parser(__doc__.splitlines()[0])
    made.add_argument("--neighbours", type=int, default=0, metavar="N")
    made.add_argument("--rounds", type=int, default=3, metavar="N")
    args = made.parse_args()
    with busy(args.neighbours):
        rounds = [{way: _measured(way) for way in WAYS} for _ in range(args.rounds)]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    finish(args, {"load": load, "rounds": rounds}, _show)


def _measured(way: str) -> float:
    kept = {n: v for n, v in os.environ.items() if n not in (COUNT, *WAITING)}
    child = "from waiting import steps; print(steps())"
    shown = subprocess.run(
        [sys.executable, "-c", child],
        env=kept | WAYS[way],
        cwd=os.path.dirname(os.path.abspath(__file__)),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(shown.stdout)


def steps() -> float:
    """Forward and backward passes per second, four blocks of 192 channels."""
    import torch

    layer = torch.nn.TransformerEncoderLayer(192, 6, 768, 0.0, batch_first=True)
    model, x = torch.nn.TransformerEncoder(layer, 4), torch.randn(8, 24, 192)
    model(x).sum().backward()
    count, began = 0, time.perf_counter()
    while time.perf_counter() < began + SECONDS:
        model(x).sum().backward()
        count += 1
    return count / (time.perf_counter() - began)


def _show(numbers: dict) -> str:
    rows = []
    for way in WAYS:
        rates = [each[way] for each in numbers["rounds"]]
        spread = f"{min(rates):.1f} to {max(rates):.1f}"
        rows.append([way, f"{statistics.median(rates):.1f}", spread])
    load = numbers["load"]
    header = ["threads", "steps per second", "range"]
    return f"load {load or 0:.1f} at the end\n\n{table(header, rows)}"


if __name__ == "__main__":
    main()
