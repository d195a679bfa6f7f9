"""What pretraining is worth: the bundled GPT, the same from random weights, TF-IDF.

--part split: the lecture's split, 5 seeds (of weights and batches).
--part few: 16 to 128 labelled messages, balanced, 10 draws, the rest as test.

    python benchmarks/labels.py --part split --data sms+spam+collection.zip
    python benchmarks/labels.py --part few --data sample --picture curve.png
"""

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from few import (
    DRAWS,
    SIZES,
    drawn,
    messages,
    paired,
    plot_learning_curves,
    spread,
)
from setting import finish, parser, table

from spamft.data import Splits
from spamft.experiments.finetune import finetune
from spamft.insight.baselines import words_and_pieces
from spamft.methods.heads import RandomWeights
from spamft.methods.method import METHODS, Method
from spamft.sources import open_splits
from spamft.sources.splits import PreparedData

SEEDS = (1, 2, 3, 4, 5)
FEW_STEPS = 100  # optimizer steps, whatever the number of labels
TFIDF = "TF-IDF + SVM"
LAST_BLOCK = METHODS["last_block"]
TUNED = {  # the bundled GPT, and one of its shape with random weights
    "tiny, pretrained, last block": LAST_BLOCK,
    "tiny, pretrained, all": METHODS["full"],
    "tiny, random weights, last block": replace(
        LAST_BLOCK, attach=RandomWeights(LAST_BLOCK.attach)
    ),
    "tiny, random weights, all": METHODS["random"],
}


def main() -> None:
    made = parser(__doc__.split("\n")[0])
    made.add_argument("--part", choices=["split", "few"], required=True)
    made.add_argument(
        "--quick", action="store_true", help="leave out what trains all parameters"
    )
    made.add_argument("--picture", type=Path, help="for the learning curves")
    args = made.parse_args()
    if args.part == "split":
        finish(args, {"accuracies": _split(args)}, _show_split)
    else:
        numbers = {"accuracies": _few(args)}
        finish(args, numbers, _show_few)
        if args.picture:
            plot_learning_curves(numbers["accuracies"]).savefig(args.picture, dpi=150)


def _split(args: argparse.Namespace) -> dict[str, list[float]]:
    """Test accuracy of each method, one per seed."""
    data = open_splits(args.data, lecture=True)
    rows = {
        name: [_accuracy(data, method, seed) for seed in SEEDS]
        for name, method in _methods(args).items()
    }
    return rows | {TFIDF: [_tfidf(data.splits)] * len(SEEDS)}


def _few(args: argparse.Namespace) -> dict[str, dict[int, list[float]]]:
    """Accuracy on the rest, by method and number of labels, one per draw."""
    data = open_splits(args.data, lecture=True)
    df = messages(data)
    methods = _methods(args)
    methods.pop("tiny, pretrained, all", None)
    rows = {name: {n: [] for n in SIZES} for name in (*methods, TFIDF)}
    for draw in range(DRAWS):
        for n in SIZES:
            splits = _cut(df, n, draw)
            few = data._replace(splits=splits)
            changes = {"epochs": -(-FEW_STEPS * 8 // n), "warmup_steps": 10}
            for name, method in methods.items():
                rows[name][n].append(_accuracy(few, method, draw, **changes))
            rows[TFIDF][n].append(_tfidf(splits))
        print(f"draw {draw + 1} of {DRAWS}", file=sys.stderr)
    return rows


def _cut(df: pd.DataFrame, n: int, draw: int) -> Splits:
    """n labelled messages; one of them to evaluate on; the rest to test on."""
    train = df.loc[drawn(df, n, draw)]
    return Splits(train, train[:1], df.drop(train.index))


def _methods(args: argparse.Namespace) -> dict[str, Method]:
    """TUNED, without what trains all parameters if it has to be quick."""
    return {k: m for k, m in TUNED.items() if not (args.quick and k.endswith("all"))}


def _accuracy(data: PreparedData, method: Method, seed: int, **changes: int) -> float:
    config = {"eval_every": 10**9} | changes  # only at the end: no choice is made by it
    run = finetune(data, "tiny", method, config=config, seed=seed)
    return run.reports["test"].accuracy


def _tfidf(splits: Splits) -> float:
    model = words_and_pieces().fit(splits.train["Text"], splits.train["Label"])
    return float(model.score(splits.test["Text"], splits.test["Label"]))


def _show_split(n: dict) -> str:
    rows = [
        [
            name,
            f"{statistics.median(values):.2%}",
            f"{min(values):.2%} to {max(values):.2%}",
        ]
        for name, values in n["accuracies"].items()
    ]
    return table(["test accuracy", "median of 5 seeds", "lowest to highest"], rows)


def _show_few(n: dict) -> str:
    by_method = n["accuracies"]
    first, *others = by_method
    rows = [
        [str(size)]
        + [spread(by_size[size]) for by_size in by_method.values()]
        + [paired(by_method[first][size], by_method[name][size]) for name in others]
        for size in SIZES
    ]
    header = ["labels", *by_method, *(f"first - {name}" for name in others)]
    note = "mean ± sd; mean difference with its 95 % interval, in points"
    return f"{table(header, rows)}\n\n{note}"


if __name__ == "__main__":
    main()
