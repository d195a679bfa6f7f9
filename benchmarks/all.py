"""All the ratios that we promise, each beside its rival in one run: a table and a JSON.

    python benchmarks/all.py --data sms+spam+collection.zip
    python benchmarks/all.py --data sample --quick

`make bench` is the first of these. Every part is a program of this folder, and can be
run alone; what a part prints and writes stays in --output. With --quick two blocks of
the network and few messages show that all parts work, and no more than that. What needs
an option that a program does not have is left out, and the table says so.
"""

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from setting import Clock, finish, parser, table

FOLDER = Path(__file__).parent
FAILED = "it failed"


class Part(NamedTuple):
    """A program of this folder, with what it is given."""

    program: str
    whole: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()  # instead of `whole`
    precision: str | None = None

    def command(self, args: argparse.Namespace, file: Path) -> list[str]:
        options = self.quick if args.quick else self.whole
        if self.precision:
            options += ("--precision", self.precision)
        return [
            *(sys.executable, str(FOLDER / self.program)),
            *("--data", args.data, *options, "--json", str(file)),
        ]

    def missing(self) -> str | None:
        """Why it cannot be run."""
        if not (FOLDER / self.program).exists():
            return f"there is no {self.program}"
        if self.precision and "--precision " not in _help(self.program):
            return f"{self.program} has no --precision"
        return None


class Row(NamedTuple):
    """One ratio: which, what it was and has to be, and where it is found."""

    name: str
    before: str  # in version 0.1.0
    wanted: str
    part: str
    ratio: Callable[[dict], float]  # of the part's JSON
    shown: str = "{:.1f} x"


FEW = ("--layers", "2", "--messages", "40")
PARTS = {
    "finetune": Part("finetune.py", quick=(*FEW, "--steps", "2")),
    "finetune-int8": Part(
        "finetune.py", quick=(*FEW, "--steps", "2"), precision="int8"
    ),
    "classify": Part("classify.py", quick=FEW),
    "classify-int8": Part("classify.py", quick=FEW, precision="int8"),
    "lora": Part("lora.py", quick=("--layers", "2", "--steps", "2")),
    "scale": Part(
        "scale.py", ("--sizes", "4", "64"), ("--sizes", "1", "2", "--layers", "2")
    ),
    "precision": Part(
        "precision.py",
        ("--parts", "accuracy", "--precisions", "int8"),
        ("--parts", "accuracy", "--precisions", "int8", "--seeds", "1"),
    ),
}


def _over(theirs: str) -> Callable[[dict], float]:
    return lambda n: n[theirs]["seconds"] / n["c_spamft"]["seconds"]


def _pipeline(n: dict) -> float:
    return n["spamft"] / max(n["transformers"].values())


def _memory(n: dict) -> float:
    return n["runs"][-1]["peak_mb"] / n["runs"][0]["peak_mb"]


def _flipped(n: dict) -> float:
    return statistics.mean(seed["int8"]["flipped"] for seed in n["accuracy"])


ROWS = (
    Row(
        "whole job, GPT-2's shape, int8, over the book's loop",
        *("17.4 x in float32", "at least 35 x", "finetune-int8", _over("a_lecture")),
    ),
    Row(
        "the same over transformers with dynamic padding",
        *("8.1 x in float32", "at least 16 x"),
        *("finetune-int8", _over("b_transformers")),
    ),
    Row(
        "the same in float32, same losses, over the book's loop",
        *("17.4 x", "at least 17 x", "finetune", _over("a_lecture")),
    ),
    Row(
        "the same in float32 over transformers",
        *("8.1 x", "", "finetune", _over("b_transformers")),
    ),
    Row(
        "classify over transformers' pipeline at its best batch",
        *("1.9 x", "at least 4 x", "classify", _pipeline),
    ),
    Row("the same in int8", "", "at least 4 x", "classify-int8", _pipeline),
    Row(
        "LoRA over PEFT with dynamic padding",
        *("not measured", "at least 2.5 x", "lora", lambda n: n["ratio"]),
    ),
    Row(
        "memory, 64,000 over 4,000 messages",
        *("1.21 x at 16,000", "at most 1.1 x", "scale", _memory, "{:.2f} x"),
    ),
    Row(
        "predictions that int8 changes",
        *("", "under 0.5 %", "precision", _flipped, "{:.2%}"),
    ),
)


def main() -> None:
    args = _arguments()
    args.output.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict | str] = {}  # a part's JSON, or why there is none
    for name, part in PARTS.items():
        results[name] = part.missing() or _run(name, part, args)
    numbers = {"quick": args.quick, "rows": rows_of(results), "parts": results}
    finish(args, numbers, _show)
    if any(result == FAILED for result in results.values()):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    made = parser(__doc__.split("\n")[0])
    made.add_argument("--quick", action="store_true", help="only show that all works")
    made.add_argument("--output", type=Path, default=Path("runs/bench"), metavar="DIR")
    args = made.parse_args()
    args.json = args.json or args.output / "all.json"
    return args


def _run(name: str, part: Part, args: argparse.Namespace) -> dict | str:
    """The numbers of a part, whose own table is printed as it comes."""
    file = args.output / f"{name}.json"
    file.unlink(missing_ok=True)  # an earlier run's are not this one's
    command = part.command(args, file)
    print(f"\n# {' '.join(command[1:])}\n", flush=True)
    with Clock() as clock:
        status = subprocess.run(command, check=False).returncode
    print(f"\n({clock.seconds:,.0f} s)", flush=True)
    return FAILED if status else json.loads(file.read_text())


def _help(program: str) -> str:
    command = [sys.executable, str(FOLDER / program), "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def rows_of(results: dict[str, dict | str]) -> list[dict]:
    """Every row with its ratio, or with why it has none."""
    rows = []
    for row in ROWS:
        result = results[row.part]
        has = isinstance(result, dict)
        rows.append(
            {
                "name": row.name,
                "before": row.before,
                "wanted": row.wanted,
                "ratio": row.ratio(result) if has else None,
                "shown": row.shown.format(row.ratio(result)) if has else result,
            }
        )
    return rows


def _show(n: dict) -> str:
    header = ["", "version 0.1.0", "wanted", "here"]
    keys = ("name", "before", "wanted", "shown")
    lines = [table(header, [[row[key] for key in keys] for row in n["rows"]])]
    if n["quick"]:
        lines.append("\na trial of two blocks: the ratios mean nothing")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
