"""What pretraining is worth: the bundled GPT, the same from random weights, TF-IDF.

--part split: the lecture's split, 5 seeds (of weights and batches).
--part few: 16 to 128 labelled messages, balanced, 10 draws, the rest as test.

    python benchmarks/labels.py --part split --data sms+spam+collection.zip
    python benchmarks/labels.py --part few --data sample --picture curve.png
"""

import argparse
import copy
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

import pandas as pd
from scipy import stats
from setting import finish, parser, table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC
from torch import nn
from torch.utils.data import DataLoader

from spamft.batches import SpamDataset, make_bucketed_loader, make_loader
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import Splits, balance, encode_labels, random_split
from spamft.evaluate import evaluate
from spamft.gpt import GPT
from spamft.job import default_recipe
from spamft.plots.style import Picture, colors, in_percent, paper
from spamft.sources import open_messages, open_model
from spamft.train import TrainConfig, fit
from spamft.trunk import run_trunk

SIZES, DRAWS, SEEDS = (16, 32, 64, 128), 10, (1, 2, 3, 4, 5)
FEW_STEPS = 100  # optimizer steps, whatever the number of labels
PRETRAINED, RANDOM, TFIDF = "tiny, pretrained", "tiny, random weights", "TF-IDF + SVM"


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
    """Test accuracy of each way, one for each seed."""
    messages = open_messages(args.data, lecture=args.data not in ("auto", "sample"))
    splits = random_split(encode_labels(balance(messages.df)))
    rows: dict[str, list[float]] = {}
    for name, make in _models().items():
        for scope in ("last_block",) if args.quick else ("last_block", "all"):
            rows[f"{name}, {scope}"] = [
                _accuracy(make(seed), splits, scope, seed) for seed in SEEDS
            ]
    rows[TFIDF] = [_tfidf(splits)] * len(SEEDS)
    return rows


def _few(args: argparse.Namespace) -> dict[str, dict[int, list[float]]]:
    """Accuracy on the rest, by way and number of labels, one for each draw."""
    lecture = args.data not in ("auto", "sample")
    df = encode_labels(balance(open_messages(args.data, lecture=lecture).df))
    ways = {
        f"{PRETRAINED}, last block": (PRETRAINED, "last_block"),
        f"{RANDOM}, last block": (RANDOM, "last_block"),
        f"{RANDOM}, all": (RANDOM, "all"),
    }
    if args.quick:
        ways.popitem()
    rows = {name: {n: [] for n in SIZES} for name in (*ways, TFIDF)}
    for draw in range(DRAWS):
        cuts = {n: _cut(df, n, draw) for n in SIZES}
        for way, (name, scope) in ways.items():
            for n, accuracy in _few_ways(_models()[name](draw), scope, cuts, draw):
                rows[way][n].append(accuracy)
        for n, splits in cuts.items():
            rows[TFIDF][n].append(_tfidf(splits))
        print(f"draw {draw + 1} of {DRAWS}", file=sys.stderr)
    return rows


def _cut(df: pd.DataFrame, n: int, draw: int) -> Splits:
    """n labelled messages, half of them spam, and the rest as test."""
    train = df.groupby("Label").sample(n // 2, random_state=draw)
    rest = df.drop(train.index)
    return Splits(train.sample(frac=1, random_state=draw), rest, rest)


def _few_ways(
    gpt: GPT, scope: str, cuts: dict[int, Splits], draw: int
) -> Iterator[tuple[int, float]]:
    """(number of labels, accuracy) of each cut; the trunk runs once for all."""
    classifier = GPTClassifier(gpt, seed=draw)
    set_trainable(classifier, scope)
    fresh = copy.deepcopy(classifier.state_dict())
    loaders = [x for splits in cuts.values() for x in _loaders(gpt, splits, draw)]
    with run_trunk(classifier, loaders) as (top, loaders):
        for i, n in enumerate(cuts):
            classifier.load_state_dict(fresh)
            epochs = -(-FEW_STEPS * 8 // n)
            config = replace(_config(scope), epochs=epochs, warmup_steps=10)
            yield n, _fit(top, loaders[3 * i : 3 * i + 3], config)


def _models() -> dict[str, Callable[[int], GPT]]:
    """The bundled GPT, and one of its shape with random weights."""
    return {
        PRETRAINED: lambda seed: open_model("tiny").gpt,
        RANDOM: lambda seed: GPT(open_model("tiny").gpt.config, seed=seed),
    }


def _config(scope: str) -> TrainConfig:
    """The package's own recipe for a small model and that scope."""
    return default_recipe(0, scope).train


def _accuracy(gpt: GPT, splits: Splits, scope: str, seed: int) -> float:
    classifier = GPTClassifier(gpt, seed=seed)
    set_trainable(classifier, scope)
    with run_trunk(classifier, _loaders(gpt, splits, seed)) as (top, loaders):
        return _fit(top, loaders, _config(scope))


def _loaders(gpt: GPT, splits: Splits, seed: int) -> list[DataLoader]:
    """Training batches, one message to look at meanwhile, the test messages."""
    tokenizer = open_model("tiny").tokenizer
    longest = SpamDataset(splits.train, tokenizer).max_length
    longest = min(longest, gpt.config.context_length)
    train, one, test = (
        SpamDataset(part, tokenizer, longest)
        for part in (splits.train, splits.train[:1], splits.test)
    )
    return [
        make_loader(train, 8, shuffle=True, seed=seed),
        make_loader(one),
        make_bucketed_loader(test),
    ]


def _fit(top: nn.Module, loaders: list[DataLoader], config: TrainConfig) -> float:
    train, one, test = loaders
    fit(top, train, one, replace(config, eval_every=10**9))  # no choice is made by it
    return evaluate(top, test).accuracy


def _tfidf(splits: Splits) -> float:
    """Words and pairs, and pieces of words, weighed by rarity; a linear SVM."""
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = make_pipeline(make_union(words, pieces), LinearSVC())
    model.fit(splits.train["Text"], splits.train["Label"])
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
    ways = n["accuracies"]
    first, *others = ways
    rows = [
        [str(size)]
        + [_spread(ways[way][size]) for way in ways]
        + [_paired(ways[first][size], ways[way][size]) for way in others]
        for size in SIZES
    ]
    header = ["labels", *ways, *(f"first - {way}" for way in others)]
    note = "mean ± sd; mean difference with its 95 % interval, in points"
    return f"{table(header, rows)}\n\n{note}"


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.1%} ± {statistics.stdev(values):.1%}"


def _paired(first: list[float], second: list[float]) -> str:
    """Mean difference over the draws, with Student's interval, in points."""
    differences = [100 * (a - b) for a, b in zip(first, second, strict=True)]
    mean = statistics.mean(differences)
    error = statistics.stdev(differences) / DRAWS**0.5
    half = stats.t.ppf(0.975, DRAWS - 1) * error
    return f"{mean:+.1f} ({mean - half:+.1f} to {mean + half:+.1f})"


def plot_learning_curves(
    accuracies: Mapping[str, Mapping[int, Sequence[float]]],
) -> Picture:
    """Accuracy over the number of labelled messages: one line per method, its range.

    `accuracies` has them by method and number of labels, one per draw.
    """
    figure, axes = paper(_curves_in_words(accuracies))
    count = len(accuracies)
    markers = islice(cycle("osD^v<>*pP"), count)
    for (method, by_size), color, marker in zip(
        accuracies.items(), colors(count), markers, strict=True
    ):
        sizes = list(by_size)
        means = [sum(by_size[n]) / len(by_size[n]) for n in sizes]
        lows, highs = ([f(by_size[n]) for n in sizes] for f in (min, max))
        axes.plot(sizes, means, color=color, marker=marker, label=method)
        axes.fill_between(sizes, lows, highs, color=color, alpha=0.12, linewidth=0)
    axes.set_xscale("log", base=2)  # each size is twice the one before
    axes.set_xticks(sizes, [str(n) for n in sizes])
    in_percent(axes)
    axes.set_xlabel("labelled messages to train on")
    axes.set_ylabel("accuracy on the rest (% of messages)")
    axes.legend(frameon=False, loc="lower right")
    return figure


def _curves_in_words(
    accuracies: Mapping[str, Mapping[int, Sequence[float]]],
) -> str:
    methods = [
        f"{method} from {statistics.mean(by[min(by)]):.1%} "
        f"to {statistics.mean(by[max(by)]):.1%}"
        for method, by in accuracies.items()
    ]
    return f"Mean accuracy with more and more labels: {'; '.join(methods)}."


if __name__ == "__main__":
    main()
