"""Few labels: spamft against what else an engineer would take, on the same draws.

    python benchmarks/rivals.py --data sms+spam+collection.zip
    python benchmarks/rivals.py --data sample --contenders tfidf minilm tiny:last_block

16 to 128 labelled messages, balanced, 10 draws, the rest as test. The rivals: TF-IDF on
words and pieces of words with a linear SVM; MiniLM-L6 with a logistic regression;
SetFit on MiniLM-L6 with its default settings, where `pip install setfit` was done.
MODEL:METHOD is spamft: a model of `spamft finetune --model`, a key of METHODS. Frozen
features are computed once for all draws; all else trains, and reads the rest, anew for
each draw. Every result is kept in --output, so that the same command resumes.
"""

import argparse
import shlex
import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from contenders import RIVALS, Contender, Messages, contender, shown
from few import DRAWS, SIZES, drawn, paired, plot_learning_curves, spread
from setting import finish, parser, table

from spamft.experiments.cells import claim, kept_cell, slug
from spamft.methods.method import METHODS
from spamft.plumbing.files import whole_file
from spamft.plumbing.locks import only_one

OURS = ("smollm2:features", "smollm2:lora-16", "tiny:features", "tiny:last_block")
# accuracy by contender, number of labels and draw
Accuracies = dict[str, dict[int, list[float]]]


def main() -> None:
    args = _arguments()
    few = Messages(args.data)
    with only_one(args.output):
        claim(args.output, few.about(), "accuracies")
        accuracies, skipped = _measure(few, args)
        with whole_file(args.output / "rivals.csv") as part:
            _long(accuracies).to_csv(part, index=False)
    print(f"`python benchmarks/rivals.py {shlex.join(sys.argv[1:])}`\n")
    numbers = {"messages": len(few.df), "accuracies": accuracies, "skipped": skipped}
    if args.picture:
        named = {shown(name): by_size for name, by_size in accuracies.items()}
        plot_learning_curves(named).savefig(args.picture, dpi=150)
    finish(args, numbers, _show)


def _arguments() -> argparse.Namespace:
    made = parser(__doc__.split("\n")[0])
    made.add_argument(
        "--contenders",
        nargs="+",
        default=[*RIVALS, *OURS],
        help=f"{', '.join(RIVALS)}, MODEL:METHOD; by default {' '.join(OURS)} too",
    )
    made.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="of labels")
    made.add_argument("--draws", type=int, default=DRAWS, help="2 at the least")
    made.add_argument("--picture", type=Path, help="for the learning curves")
    made.add_argument(
        "--output", type=Path, help="folder of results; by default runs/rivals-DATA"
    )
    args = made.parse_args()
    if args.draws < 2:
        made.error("--draws must be at least 2: one shows no spread")
    for name in args.contenders:
        model, _, method = name.rpartition(":")
        if name not in RIVALS and not (model and method in METHODS):
            made.error(f"{name!r}: expected {', '.join(RIVALS)} or MODEL:METHOD")
    args.output = args.output or Path("runs") / f"rivals-{slug(Path(args.data).stem)}"
    return args


def _measure(few: Messages, args: argparse.Namespace) -> tuple[Accuracies, dict]:
    """What each contender reaches, and why some could not take part."""
    accuracies, skipped = {}, {}
    for name in args.contenders:
        try:
            enters = contender(name, few, args.output / "cells")
        except ImportError as error:
            skipped[name] = f"{type(error).__name__}: {error}"
            continue
        accuracies[name] = {
            n: [_cell(few, args, name, enters, n, k) for k in range(args.draws)]
            for n in args.sizes
        }
    return accuracies, skipped


def _cell(
    few: Messages,
    args: argparse.Namespace,
    name: str,
    enters: Contender,
    n: int,
    draw: int,
) -> float:
    """One accuracy, kept from an earlier call or measured."""
    rows = drawn(few.df, n, draw)

    def make() -> dict:
        right = enters.predict(rows, draw) == few.labels[few.rest(rows)]
        return {"accuracy": float(np.mean(right))}

    path = args.output / "cells" / f"{slug(name)}-{n}-{draw}.json"
    description = {"by": enters.description, "rows": rows.tolist(), "draw": draw}
    log = partial(print, file=sys.stderr, flush=True)
    line = f"{name}, {n} labels, draw {draw}"
    return kept_cell(path, line, description, make, log)["accuracy"]


def _long(accuracies: Accuracies) -> pd.DataFrame:
    """One row per accuracy, for a picture."""
    rows = [
        {"contender": shown(name), "labels": n, "draw": draw, "accuracy": accuracy}
        for name, by_size in accuracies.items()
        for n, each in by_size.items()
        for draw, accuracy in enumerate(each)
    ]
    return pd.DataFrame(rows)


def _best(accuracies: Accuracies) -> str | None:
    """Which of spamft's is best over all sizes and draws."""
    ours = [name for name in accuracies if name not in RIVALS]

    def mean(name: str) -> float:
        return statistics.mean(np.ravel(list(accuracies[name].values())).tolist())

    return max(ours, key=mean, default=None)


def _show(n: dict) -> str:
    accuracies = n["accuracies"]
    if not accuracies:
        return _reasons(n)
    sizes = [f"{size} labels" for size in next(iter(accuracies.values()))]
    rows = [
        [shown(name), *map(spread, by_size.values())]
        for name, by_size in accuracies.items()
    ]
    parts = [table([f"accuracy on the rest of {n['messages']:,}", *sizes], rows)]
    parts.append("Mean ± sd over the same draws.")
    if (best := _best(accuracies)) and (rivals := _rivals(accuracies)):
        rows = [
            [shown(name), *_differences(accuracies[best], accuracies[name])]
            for name in rivals
        ]
        parts.append(table([f"{shown(best)}, minus", *sizes], rows))
        parts.append(
            "Mean paired difference in points with its 95 % interval. It is the best "
            "of spamft's over all sizes, chosen on these very draws."
        )
    return "\n\n".join(filter(None, [*parts, _reasons(n)]))


def _rivals(accuracies: Accuracies) -> list[str]:
    return [name for name in accuracies if name in RIVALS]


def _differences(
    best: dict[int, Sequence[float]], rival: dict[int, Sequence[float]]
) -> list[str]:
    return [paired(best[n], rival[n]) for n in best]


def _reasons(n: dict) -> str:
    return "\n".join(f"{shown(k)}: left out: {why}" for k, why in n["skipped"].items())


if __name__ == "__main__":
    main()
