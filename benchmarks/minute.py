"""What a minute of this machine buys: accuracy over the seconds that it takes.

    python benchmarks/minute.py --data sms+spam+collection.zip --picture docs/minute.png

Each contender learns from the training part and reads the test part, over several
split seeds. The seconds are those of both, tokenizing included, opening of the model
not. MODEL:METHOD is spamft, MODEL:METHOD:PRECISION with fewer bits for what is frozen.
Run it on a machine that does nothing else.
"""

import argparse
import statistics
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from few import spread
from minilm import embed
from setting import Clock, finish, parser, table
from sklearn.linear_model import LogisticRegression

from spamft.experiments.finetune import finetune
from spamft.insight.baselines import words_and_pieces
from spamft.methods.method import METHODS
from spamft.plots.style import BLUE, Picture, paper
from spamft.sources import open_model, open_splits
from spamft.sources.splits import PreparedData

OURS = (
    "tiny:head",
    "tiny:features",
    "tiny:last_block",
    "tiny:lora-16",
    "smollm2:features",
    "smollm2:features:int8",
    "smollm2:last_block:int8",
)
NAMES = {"tfidf": "TF-IDF + SVM", "minilm": "MiniLM-L6 + logistic regression"}
MINUTE = 60

Contender = Callable[[PreparedData, int], float]  # data, seed -> test accuracy


def main() -> None:
    made = parser(__doc__.split("\n")[0])
    made.add_argument("--contenders", nargs="+", default=[*NAMES, *OURS])
    made.add_argument("--seeds", type=int, default=3, help="of the split; 2 or more")
    made.add_argument("--picture", type=Path)
    args = made.parse_args()
    found = {name: _measure(contender(name), args) for name in args.contenders}
    if args.picture:
        plot_minute(found).savefig(args.picture, dpi=150)
    finish(args, {"contenders": found}, _show)


def contender(name: str) -> Contender:
    """By its name; what has to be opened is open."""
    if name == "tfidf":
        return _words
    if name == "minilm":
        embed(["opened"])
        return _minilm
    model, method, *precision = name.split(":")
    pretrained = open_model(model)
    return partial(_spamft, pretrained, METHODS[method], *(precision or ["float32"]))


def _measure(contender: Contender, args: argparse.Namespace) -> dict[str, list[float]]:
    accuracies, seconds = [], []
    for seed in range(1, args.seeds + 1):
        data = open_splits(args.data, seed=seed)
        with Clock() as clock:
            accuracies.append(contender(data, seed))
        seconds.append(clock.seconds)
    return {"accuracies": accuracies, "seconds": seconds}


def _words(data: PreparedData, seed: int) -> float:
    train, _, test = data.splits
    model = words_and_pieces().fit(train["Text"], train["Label"])
    return float(model.score(test["Text"], test["Label"]))


def _minilm(data: PreparedData, seed: int) -> float:
    train, _, test = data.splits
    model = LogisticRegression(C=10, max_iter=1000)
    model.fit(embed(train["Text"].tolist()), train["Label"])
    return float(model.score(embed(test["Text"].tolist()), test["Label"]))


def _spamft(pretrained, method, precision, data: PreparedData, seed: int) -> float:
    run = finetune(data, pretrained, method, seed=seed, precision=precision)
    predicted = run.logits["test"].argmax(-1).numpy()
    return float(np.mean(predicted == data.splits.test["Label"].to_numpy()))


def plot_minute(found: Mapping[str, Mapping[str, list[float]]]) -> Picture:
    """A row per contender: a dot at its seconds, its accuracy beside, one minute."""
    figure, axes = paper(_in_words(found))
    for place, each in enumerate(found.values()):
        low, high = (100 * f(each["accuracies"]) for f in (min, max))
        middle = 100 * statistics.mean(each["accuracies"])
        seconds = statistics.median(each["seconds"])
        axes.plot(seconds, place, "o", color=BLUE)
        shown = f"  {middle:.1f} % ({low:.1f} to {high:.1f})"
        axes.text(seconds, place, shown, va="center", fontsize="small")
    axes.axvline(MINUTE, color="gray", linestyle=":")
    axes.set_xscale("log")
    axes.set_xlim(0.1, 60 * MINUTE)  # room for what stands beside a dot
    axes.set_xticks([0.1, 1, 10, MINUTE, 600], ["0.1", "1", "10", "60", "600"])
    axes.set_yticks(range(len(found)), [NAMES.get(name, name) for name in found])
    axes.invert_yaxis()
    axes.set_xlabel("seconds; beside each: test accuracy and its range")
    return figure


def _in_words(found: Mapping[str, Mapping[str, list[float]]]) -> str:
    each = [
        f"{NAMES.get(name, name)} {statistics.mean(x['accuracies']):.1%} "
        f"in {statistics.median(x['seconds']):.1f} s"
        for name, x in found.items()
    ]
    return f"Accuracy by seconds: {'; '.join(each)}."


def _show(n: dict) -> str:
    rows = [
        [
            NAMES.get(name, name),
            spread(each["accuracies"]),
            f"{statistics.median(each['seconds']):.1f}",
        ]
        for name, each in n["contenders"].items()
    ]
    return table(["", "test accuracy", "seconds"], rows)


if __name__ == "__main__":
    main()
