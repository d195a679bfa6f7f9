"""What choosing the next messages to label gains over taking them at random.

    python benchmarks/active.py --data sample
    python benchmarks/active.py --data sms+spam+collection.zip

Ten seeds, each with a leak-free split of its own. 16 labels, balanced, then 16 more per
round up to 128, chosen among the other messages of the training part; the bundled GPT,
frozen features. The rule of `spamft labels --unlabelled` was chosen on other seeds.
"""

import argparse
import statistics
import sys
from collections.abc import Callable

import numpy as np
import torch
from few import paired
from setting import finish, parser, table

from spamft.experiments.learners import FrozenFeatures
from spamft.experiments.unlabelled import WIDTH
from spamft.insight.active import Candidates, choose, margins
from spamft.methods.method import METHODS
from spamft.sources import open_model, open_splits
from spamft.sources.draws import draw_order
from spamft.sources.duplicates import duplicate_groups, duplicate_key
from spamft.sources.splits import PreparedData

START, STEP, END, SEEDS = 16, 16, 128, range(1, 11)
SIZES = range(START, END + 1, STEP)
# candidates, least certain first, and a random generator -> places of STEP of them
Rule = Callable[[Candidates, np.random.Generator], np.ndarray]


def main() -> None:
    args = parser(__doc__.split("\n")[0]).parse_args()
    torch.set_num_threads(1)
    finish(args, {"accuracies": _measure(args)}, _show)


def _measure(args: argparse.Namespace) -> dict[str, dict[int, list[float]]]:
    """Accuracy by rule and number of labels, one per seed."""
    model, found = open_model("tiny"), {name: {n: [] for n in SIZES} for name in RULES}
    for seed in SEEDS:
        data = open_splits(args.data, seed=seed)
        frozen = FrozenFeatures(data, model, METHODS["features"], "cpu")
        for name, rule in RULES.items():
            for size, accuracy in _rounds(data, frozen, rule, seed).items():
                found[name][size].append(accuracy)
        print(f"seed {seed} of {len(SEEDS)}", file=sys.stderr)
    return found


def _rounds(
    data: PreparedData, frozen: FrozenFeatures, rule: Rule, seed: int
) -> dict[int, float]:
    train, random = data.splits.train, np.random.default_rng(seed)
    groups = duplicate_groups(train)
    order = draw_order(train, groups, seed)
    labelled = order[~groups.iloc[order].duplicated().to_numpy()][:START]
    accuracies = {}
    for size in SIZES:
        accuracies[size] = float(np.mean(frozen(labelled, seed, None)))
        kept = _candidates(data, frozen, labelled)
        chosen = [kept.texts[i] for i in rule(kept, random)]
        rows = train["Text"].drop_duplicates()
        more = [rows.index[rows == text][0] for text in chosen]
        labelled = np.concatenate([labelled, more])
    return accuracies


def _candidates(
    data: PreparedData, frozen: FrozenFeatures, labelled: np.ndarray
) -> Candidates:
    """All other messages, the least certain first."""
    texts = data.splits.train["Text"]
    kept = Candidates(len(texts), map(duplicate_key, texts.iloc[labelled]))
    fresh = set(kept.fresh(texts))
    places = np.flatnonzero(texts.isin(fresh) & ~texts.duplicated())
    shares = frozen.logits("train").softmax(-1).numpy()[places]
    features = torch.stack(list(frozen.lessons.train.rows)).numpy()[places]
    kept.add(texts.iloc[places].tolist(), margins(shares), features)
    return kept


def _at_random(kept: Candidates, random: np.random.Generator) -> np.ndarray:
    return random.permutation(len(kept.texts))[:STEP]


def _least_certain(kept: Candidates, random: np.random.Generator) -> np.ndarray:
    return np.arange(STEP)


def _chosen(kept: Candidates, random: np.random.Generator) -> np.ndarray:
    return choose(kept.features[: WIDTH * STEP], STEP)


def _farthest(kept: Candidates, random: np.random.Generator) -> np.ndarray:
    """Greedy k-center, from the least certain one."""
    points = kept.features[: WIDTH * STEP]
    points = points / (points.std(0) + 1e-9)
    chosen, nearest = [0], np.full(len(points), np.inf)
    while len(chosen) < STEP:
        distances = ((points - points[chosen[-1]]) ** 2).sum(1)
        nearest = np.minimum(nearest, distances)
        chosen.append(int(nearest.argmax()))
    return np.array(chosen)


RULES: dict[str, Rule] = {
    "random": _at_random,
    "spamft labels": _chosen,
    "least certain only": _least_certain,
    "k-center": _farthest,
}


def _show(n: dict) -> str:
    first, *others = by_rule = n["accuracies"]
    rows = [
        [
            str(size),
            *(f"{statistics.mean(by[size]):.1%}" for by in by_rule.values()),
            *(paired(by_rule[name][size], by_rule[first][size]) for name in others),
        ]
        for size in SIZES
    ]
    header = ["labels", *by_rule, *(f"{name} - {first}" for name in others)]
    note = "mean of 10 seeds; mean paired difference with its 95 % interval, in points"
    return f"{table(header, rows)}\n\n{note}"


if __name__ == "__main__":
    main()
