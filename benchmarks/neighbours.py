"""The whole job beside other busy programs, over what it takes on the idle machine.

`spamft finetune` in a process of its own, imports included, four times: alone; beside
programs that only compute; beside them with OpenMP's usual threads, which spin while
they wait; beside them with one thread. The median of some rounds counts. The machine
must be idle but for this.

    python benchmarks/neighbours.py
    python benchmarks/neighbours.py --data sms+spam+collection.zip --model gpt2-shape
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from setting import GPT2, Clock, finish, parser, table

from spamft.gpt import GPT
from spamft.plumbing.threads import COUNT, WAITING
from spamft.pretrained import save_gpt2

__all__ = ["SPINNING", "busy"]

# How libgomp, torch's OpenMP on Linux, waits if nothing is said
SPINNING = {"GOMP_SPINCOUNT": "300000"}


def main() -> None:
    made = parser(__doc__.splitlines()[0])
    made.set_defaults(data="sample")
    made.add_argument("--model", default="tiny", help="as in finetune, or gpt2-shape")
    made.add_argument("--neighbours", type=int, default=2, metavar="N")
    made.add_argument("--rounds", type=int, default=3, metavar="N")
    args = made.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if args.model == "gpt2-shape":
            args.model = str(folder / "gpt2-shape")
            save_gpt2(GPT(GPT2, seed=1), args.model)
        _job(args, folder)  # what is read from the disk is in memory afterwards
        rounds = [_round(args, folder) for _ in range(args.rounds)]
    seconds = {n: statistics.median(r[n] for r in rounds) for n in rounds[0]}
    finish(args, {"seconds": seconds, "rounds": rounds}, _show)


def _round(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    beside = f"beside {args.neighbours}"
    alone = {"alone": _job(args, folder)}
    with busy(args.neighbours):
        return alone | {
            beside: _job(args, folder),
            f"{beside}, spinning": _job(args, folder, environment=SPINNING),
            f"{beside}, one thread": _job(args, folder, "--threads", "1"),
        }


@contextmanager
def busy(count: int) -> Iterator[None]:
    """That many programs that only compute."""
    spin = [sys.executable, "-c", "while True: pass"]
    programs = [subprocess.Popen(spin) for _ in range(count)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def _job(
    args: argparse.Namespace,
    folder: Path,
    *options: str,
    environment: dict[str, str] | None = None,
) -> float:
    """Seconds of one finetuning."""
    command = [sys.executable, "-m", "spamft", "finetune", "--output", folder / "run"]
    command += ["--overwrite", "--data", args.data, "--model", args.model]
    kept = {n: v for n, v in os.environ.items() if n not in (COUNT, *WAITING)}
    with Clock() as clock:
        subprocess.run(
            [*command, *options],
            env=kept | (environment or {}),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return clock.seconds


def _show(numbers: dict) -> str:
    seconds = numbers["seconds"]
    rows = [
        [name, f"{each:.1f}", f"{each / seconds['alone']:.2f}"]
        for name, each in seconds.items()
    ]
    return table(["finetune", "seconds", "times alone"], rows)


if __name__ == "__main__":
    main()
