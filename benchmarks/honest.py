"""What the lecture's score is worth: its split against a leak-free one, and real mail.

    python benchmarks/honest.py --data sms+spam+collection.zip

Ten split seeds, each cut the lecture's way and leak-free; the bundled GPT with its last
block finetuned, and TF-IDF with a linear model. Then at natural shares of spam: the
threshold is chosen on ham that balancing put aside, for a false-positive rate of 0.2 %,
and measured on other ham put aside and on the test part's spam.
"""

import argparse
from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from scipy.stats import t
from sklearn.base import BaseEstimator

from spamft.experiments.finetune import finetune
from spamft.insight.baselines import words, words_and_pieces
from spamft.insight.calibrate import Rates, at_share, choose_threshold, spam_scores
from spamft.sources import open_splits
from spamft.sources.duplicates import put_aside
from spamft.sources.splits import PreparedData
from spamft.use.predict import dataset_for, predict_in_order

SHARES = (0.13, 0.01)
WANTED = 0.002  # false positives
RATES = ["recall", "false positives", "false positives at 0.5"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    rows = []
    for seed in range(1, args.seeds + 1):
        for split in ("lecture", "leak-free"):
            rows += _measure(args.data, split, seed)
        print(pd.DataFrame(rows[-6:]).round(4).to_string(index=False), flush=True)
    frame = pd.DataFrame(rows)
    _show_accuracies(frame)
    _show_gaps(frame)
    _show_natural(frame[frame["split"] == "leak-free"])


def _measure(source: str, split: str, seed: int) -> Iterator[dict]:
    """One row per method."""
    data = open_splits(source, lecture=split == "lecture", seed=seed)
    test, aside = data.splits.test, put_aside(data.df, data.splits)
    ham = aside[aside["Label"] == "ham"].assign(Label=0).sample(frac=1, random_state=0)
    methods = {
        "tiny, last block": _gpt_scores(data, ham, seed),
        "TF-IDF + logistic regression": _linear_scores(words(), data, ham),
        "TF-IDF + SVM": _linear_scores(words_and_pieces(), data, ham),
    }
    for method, (test_scores, ham_scores) in methods.items():
        right = (test_scores > 0.5) == (test["Label"] == 1)
        yield {
            "split": split,
            "seed": seed,
            "method": method,
            "accuracy": float(right.mean()),
            "leaks": data.leaks["test"]["folded"],
            "ham aside": len(ham),
        } | _natural(test_scores[test["Label"] == 1], ham_scores)


def _gpt_scores(data: PreparedData, ham: pd.DataFrame, seed: int) -> list[np.ndarray]:
    """Spam scores of the test part and of the ham put aside."""
    run = finetune(data, "tiny", "last_block", seed=seed)
    aside = predict_in_order(run.model, dataset_for(run.model, ham, run.tokenizer))
    return [spam_scores(logits).numpy() for logits in (run.logits["test"], aside)]


def _linear_scores(
    estimator: BaseEstimator, data: PreparedData, ham: pd.DataFrame
) -> list[np.ndarray]:
    """The same of an estimator of texts."""
    estimator.fit(data.splits.train["Text"], data.splits.train["Label"])
    texts = [part["Text"] for part in (data.splits.test, ham)]
    if hasattr(estimator, "predict_proba"):
        return [estimator.predict_proba(each)[:, 1] for each in texts]
    return [1 / (1 + np.exp(-estimator.decision_function(each))) for each in texts]


def _natural(spam: np.ndarray, ham: np.ndarray) -> dict[str, float]:
    """Rates at the threshold that half of the ham put aside allows, on the other."""
    half = len(ham) // 2
    chosen, measured = torch.tensor(ham[:half]), ham[half:]
    threshold = choose_threshold(chosen, torch.zeros(half).long(), WANTED)
    rates = (spam > threshold, measured > threshold, measured > 0.5)
    return {name: float(r.mean()) for name, r in zip(RATES, rates, strict=True)}


def _show_accuracies(frame: pd.DataFrame) -> None:
    print(
        "\n| method | split | accuracy | lowest to highest "
        "| 95 % interval of the mean |\n|---|---|---|---|---|"
    )
    for (method, split), rows in frame.groupby(["method", "split"], sort=False):
        each = rows["accuracy"]
        half = t.ppf(0.975, len(each) - 1) * each.std() / len(each) ** 0.5
        low, high = each.mean() - half, each.mean() + half
        print(
            f"| {method} | {split} | {each.mean():.2%} ± {each.std():.2%} "
            f"| {each.min():.1%} to {each.max():.1%} | {low:.1%} to {high:.1%} |"
        )


def _show_gaps(frame: pd.DataFrame) -> None:
    print("\nlecture minus leak-free of the same seed, points (other test messages):")
    for method, rows in frame.groupby("method", sort=False):
        wide = rows.pivot(index="seed", columns="split", values="accuracy")
        gap = 100 * (wide["lecture"] - wide["leak-free"])
        print(f"  {method}: {gap.mean():+.2f} ± {gap.std():.2f}")


def _show_natural(leak_free: pd.DataFrame) -> None:
    by_method = leak_free.groupby("method", sort=False)[RATES]
    mean = by_method.mean()
    for share in SHARES:  # of the mean rates: a mean of precisions would hide zeros
        mean[f"precision at {share:.0%}"] = [
            at_share(Rates(row["recall"], row["false positives"], 0.0), share)
            for _, row in mean.iterrows()
        ]
    print("\nleak-free, means over the seeds, then standard deviations:")
    print(mean.round(4).to_string())
    print(by_method.std().round(4).to_string())


if __name__ == "__main__":
    main()
