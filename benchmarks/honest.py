"""What the lecture's score is worth: its split against a leak-free one, and real mail.

    python benchmarks/honest.py --data sms+spam+collection.zip

Ten split seeds, each cut the lecture's way and leak-free; the bundled GPT with its last
block finetuned, and TF-IDF with a linear model. Then at natural shares of spam: the
threshold is chosen on ham that balancing put aside, for a false-positive rate of 0.2 %,
and measured on other ham put aside and on the test part's spam.
"""

import argparse

import numpy as np
import pandas as pd
import torch
from scipy.stats import t

from spamft.experiments.finetune import finetune
from spamft.insight.baselines import words, words_and_pieces
from spamft.insight.calibrate import Rates, at_share, choose_threshold, spam_scores
from spamft.sources import open_splits
from spamft.sources.duplicates import put_aside
from spamft.sources.messages import PreparedData
from spamft.use.predict import dataset_for, predict_in_order

SHARES = (0.13, 0.01)
WANTED = 0.002  # false positives


def gpt_scores(data: PreparedData, ham: pd.DataFrame, seed: int) -> list[np.ndarray]:
    """Spam scores of validation, test and the ham put aside."""
    run = finetune(data, "tiny", "last_block", seed=seed)
    dataset = dataset_for(run.model, ham, run.tokenizer)
    logits = [run.logits["validation"], run.logits["test"]]
    logits.append(predict_in_order(run.model, dataset))
    return [spam_scores(each).numpy() for each in logits]


def linear_scores(make, data: PreparedData, ham: pd.DataFrame) -> list[np.ndarray]:
    train, *others = (*data.splits, ham)
    estimator = make().fit(train["Text"], train["Label"])
    if hasattr(estimator, "predict_proba"):
        return [estimator.predict_proba(part["Text"])[:, 1] for part in others]
    margins = [estimator.decision_function(part["Text"]) for part in others]
    return [1 / (1 + np.exp(-m)) for m in margins]


def natural(scores: list[np.ndarray], test: pd.DataFrame) -> dict[str, float]:
    """Rates at the threshold that half of the ham put aside allows, on the other."""
    ham = scores[2]
    half = len(ham) // 2
    chosen, measured = torch.tensor(ham[:half]), ham[half:]
    threshold = choose_threshold(chosen, torch.zeros(half).long(), WANTED)
    recall = float((scores[1][test["Label"] == 1] > threshold).mean())
    return {
        "recall": recall,
        "false positives": float((measured > threshold).mean()),
        "false positives at 0.5": float((measured > 0.5).mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    lines = []
    for seed in range(1, args.seeds + 1):
        for split in ("lecture", "leak-free"):
            data = open_splits(args.data, lecture=split == "lecture", seed=seed)
            test, aside = data.splits.test, put_aside(data.df, data.splits)
            ham = aside[aside["Label"] == "ham"].assign(Label=0)
            ham = ham.sample(frac=1, random_state=0)
            methods = {
                "tiny, last block": gpt_scores(data, ham, seed),
                "TF-IDF + logistic regression": linear_scores(words, data, ham),
                "TF-IDF + SVM": linear_scores(words_and_pieces, data, ham),
            }
            for method, scores in methods.items():
                right = (scores[1] > 0.5) == (test["Label"] == 1)
                lines.append(
                    {"split": split, "seed": seed, "method": method}
                    | {"accuracy": float(right.mean())}
                    | {"leaks": data.leaks["test"]["folded"], "ham aside": len(ham)}
                    | natural(scores, test)
                )
        print(pd.DataFrame(lines[-6:]).round(4).to_string(index=False), flush=True)
    frame = pd.DataFrame(lines)
    header = "method | split | accuracy | lowest to highest | 95 % interval of the mean"
    print(f"\n| {header} |")
    print("|---|---|---|---|---|")
    for (method, split), group in frame.groupby(["method", "split"], sort=False):
        each = group["accuracy"]
        half = t.ppf(0.975, len(each) - 1) * each.std() / len(each) ** 0.5
        low, high = each.mean() - half, each.mean() + half
        print(
            f"| {method} | {split} | {each.mean():.2%} ± {each.std():.2%} "
            f"| {each.min():.1%} to {each.max():.1%} | {low:.1%} to {high:.1%} |"
        )
    print("\nlecture minus leak-free of the same seed, points (other test messages):")
    for method, group in frame.groupby("method", sort=False):
        wide = group.pivot(index="seed", columns="split", values="accuracy")
        gap = 100 * (wide["lecture"] - wide["leak-free"])
        print(f"  {method}: {gap.mean():+.2f} ± {gap.std():.2f}")
    honest = frame[frame["split"] == "leak-free"]
    columns = [*frame.columns[6:]]
    mean = honest.groupby("method", sort=False)[columns].mean()
    for share in SHARES:  # of the mean rates: a mean of precisions would hide zeros
        mean[f"precision at {share:.0%}"] = [
            at_share(Rates(line["recall"], line["false positives"], 0.0), share)
            for _, line in mean.iterrows()
        ]
    print("\nleak-free, means over the seeds, then standard deviations:")
    print(mean.round(4).to_string())
    print(honest.groupby("method", sort=False)[columns].std().round(4).to_string())


if __name__ == "__main__":
    main()
