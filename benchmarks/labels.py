"""What pretraining is worth: the bundled GPT, the same from random weights, TF-IDF.

--part split: the lecture's split, 5 seeds (of weights and batches).
--part few: 16 to 128 labelled messages, balanced, 10 draws, the rest as test.

    python benchmarks/labels.py --part split --data sms+spam+collection.zip
    python benchmarks/labels.py --part few --data sample --picture curve.png
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from scipy import stats
from setting import finish, parser, table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from spamft.batches import SpamDataset, make_bucketed_loader, make_loader
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import Splits, balance, encode_labels, random_split
from spamft.evaluate import evaluate
from spamft.gpt import GPT
from spamft.job import default_recipe
from spamft.plots import plot_learning_curves
from spamft.sources import open_messages, open_model
from spamft.train import TrainConfig, fit
from spamft.trunk import run_trunk

SIZES, DRAWS, SEEDS = (16, 32, 64, 128), 10, (1, 2, 3, 4, 5)
FEW_STEPS = 150  # optimizer steps, whatever the number of labels
PRETRAINED, RANDOM, TFIDF = "tiny, pretrained", "tiny, random weights", "TF-IDF + SVM"


def main() -> None:
    made = parser(__doc__.split("\n")[0])
    made.add_argument("--part", choices=["split", "few"], required=True)
    made.add_argument("--picture", type=Path, help="for the learning curves")
    args = made.parse_args()
    if args.part == "split":
        finish(args, {"accuracies": _split(args.data)}, _show_split)
    else:
        numbers = {"accuracies": _few(args)}
        finish(args, numbers, _show_few)
        if args.picture:
            plot_learning_curves(numbers["accuracies"]).savefig(args.picture, dpi=150)


def _split(data: str) -> dict[str, list[float]]:
    """Test accuracy of each way, one for each seed."""
    messages = open_messages(data, lecture=data not in ("auto", "sample"))
    splits = random_split(encode_labels(balance(messages.df)))
    rows: dict[str, list[float]] = {}
    for name, make in _models().items():
        for scope in ("last_block", "all"):
            rows[f"{name}, {scope}"] = [
                _accuracy(make(seed), splits, scope, _config(scope), seed)
                for seed in SEEDS
            ]
    rows[TFIDF] = [_tfidf(splits)] * len(SEEDS)
    return rows


def _few(args: argparse.Namespace) -> dict[str, dict[int, list[float]]]:
    """Accuracy on the rest, by way and number of labels, one for each draw."""
    lecture = args.data not in ("auto", "sample")
    df = encode_labels(balance(open_messages(args.data, lecture=lecture).df))
    ways = {
        f"{PRETRAINED}, last block": (PRETRAINED, "last_block"),
        f"{PRETRAINED}, all": (PRETRAINED, "all"),
        f"{RANDOM}, all": (RANDOM, "all"),
    }
    rows = {name: {n: [] for n in SIZES} for name in (*ways, TFIDF)}
    for draw in range(DRAWS):
        for n in SIZES:
            train = df.groupby("Label").sample(n // 2, random_state=draw)
            rest = df.drop(train.index)
            splits = Splits(train.sample(frac=1, random_state=draw), rest, rest)
            epochs = -(-FEW_STEPS * 8 // n)
            for way, (name, scope) in ways.items():
                config = replace(_config(scope), epochs=epochs, warmup_steps=15)
                gpt = _models()[name](draw)
                rows[way][n].append(_accuracy(gpt, splits, scope, config, draw))
            rows[TFIDF][n].append(_tfidf(splits))
    return rows


def _models() -> dict[str, Callable[[int], GPT]]:
    """The bundled GPT, and one of its shape with random weights."""
    return {
        PRETRAINED: lambda seed: open_model("tiny").gpt,
        RANDOM: lambda seed: GPT(open_model("tiny").gpt.config, seed=seed),
    }


def _config(scope: str) -> TrainConfig:
    """The package's own recipe for a small model and that scope."""
    return default_recipe(0, scope).train


def _accuracy(
    gpt: GPT, splits: Splits, scope: str, config: TrainConfig, seed: int
) -> float:
    tokenizer = open_model("tiny").tokenizer
    longest = min(
        SpamDataset(splits.train, tokenizer).max_length, gpt.config.context_length
    )
    train, test = (
        SpamDataset(part, tokenizer, longest) for part in (splits.train, splits.test)
    )
    classifier = GPTClassifier(gpt, seed=seed)
    set_trainable(classifier, scope)
    loaders = [
        make_loader(train, 8, shuffle=True, seed=seed),
        make_bucketed_loader(train),
        make_bucketed_loader(test),
    ]
    with run_trunk(classifier, loaders) as (top, (training, looked_at, held_out)):
        last_only = replace(config, eval_every=10**9)  # it looks at the training part
        fit(top, training, looked_at, last_only)
        return evaluate(top, held_out).accuracy


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
        + [_paired(ways[first][size], ways[way][size]) for way in others[1:]]
        for size in SIZES
    ]
    header = ["labels", *ways, *(f"first - {way}" for way in others[1:])]
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


if __name__ == "__main__":
    main()
