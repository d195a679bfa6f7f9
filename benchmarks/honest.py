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

from spamft.batches import SpamDataset, make_bucketed_loader, make_loader
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import put_aside
from spamft.evaluate import predict
from spamft.insight.baselines import words, words_and_pieces
from spamft.insight.calibrate import Rates, at_share, choose_threshold, spam_scores
from spamft.job import default_recipe
from spamft.sources import open_model, open_splits
from spamft.train import fit
from spamft.trunk import run_trunk

SHARES = (0.13, 0.01)
WANTED = 0.002  # false positives


def gpt_scores(data, ham: pd.DataFrame, seed: int) -> list[np.ndarray]:
    """Spam scores of validation, test and the ham put aside."""
    opened = open_model("tiny")
    tokenizer, context = opened.tokenizer, opened.gpt.config.context_length
    longest = min(SpamDataset(data.splits.train, tokenizer).max_length, context)
    model = GPTClassifier(opened.gpt, max_length=longest, seed=seed)
    set_trainable(model, "last_block")
    parts = [SpamDataset(part, tokenizer, longest) for part in (*data.splits, ham)]
    loaders = [make_loader(parts[0], 8, shuffle=True, seed=seed)]
    loaders += [make_bucketed_loader(parts[1])]
    loaders += [make_loader(part, 64) for part in parts[1:]]  # in the frame's order
    with run_trunk(model, loaders) as (top, (training, looked_at, *asked)):
        fit(top, training, looked_at, default_recipe(7e6, "last_block").train)
        return [spam_scores(predict(top, each)[0]).numpy() for each in asked]


def linear_scores(make, data, ham: pd.DataFrame) -> list[np.ndarray]:
    train, *asked = (*data.splits, ham)
    estimator = make().fit(train["Text"], train["Label"])
    if hasattr(estimator, "predict_proba"):
        return [estimator.predict_proba(part["Text"])[:, 1] for part in asked]
    margins = [estimator.decision_function(part["Text"]) for part in asked]
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
            data = open_splits(args.data, split=split, seed=seed)
            test, aside = data.splits.test, put_aside(data.df, data.splits)
            ham = aside[aside["Label"] == "ham"].assign(Label=0)
            ham = ham.sample(frac=1, random_state=0)
            ways = {
                "tiny, last block": gpt_scores(data, ham, seed),
                "TF-IDF + logistic regression": linear_scores(words, data, ham),
                "TF-IDF + SVM": linear_scores(words_and_pieces, data, ham),
            }
            for way, scores in ways.items():
                right = (scores[1] > 0.5) == (test["Label"] == 1)
                lines.append(
                    {"split": split, "seed": seed, "way": way}
                    | {"accuracy": float(right.mean())}
                    | {"leaks": data.leaks["test"]["folded"], "ham aside": len(ham)}
                    | natural(scores, test)
                )
        print(pd.DataFrame(lines[-6:]).round(4).to_string(index=False), flush=True)
    frame = pd.DataFrame(lines)
    print(
        "\n| way | split | accuracy | lowest to highest | 95 % interval of the mean |"
    )
    print("|---|---|---|---|---|")
    for (way, split), group in frame.groupby(["way", "split"], sort=False):
        each = group["accuracy"]
        half = t.ppf(0.975, len(each) - 1) * each.std() / len(each) ** 0.5
        low, high = each.mean() - half, each.mean() + half
        print(
            f"| {way} | {split} | {each.mean():.2%} ± {each.std():.2%} "
            f"| {each.min():.1%} to {each.max():.1%} | {low:.1%} to {high:.1%} |"
        )
    print("\nlecture minus leak-free of the same seed, points (other test messages):")
    for way, group in frame.groupby("way", sort=False):
        wide = group.pivot(index="seed", columns="split", values="accuracy")
        gap = 100 * (wide["lecture"] - wide["leak-free"])
        print(f"  {way}: {gap.mean():+.2f} ± {gap.std():.2f}")
    honest = frame[frame["split"] == "leak-free"]
    columns = [*frame.columns[6:]]
    mean = honest.groupby("way", sort=False)[columns].mean()
    for share in SHARES:  # of the mean rates: a mean of precisions would hide zeros
        mean[f"precision at {share:.0%}"] = [
            at_share(Rates(line["recall"], line["false positives"], 0.0), share)
            for _, line in mean.iterrows()
        ]
    print("\nleak-free, means over the seeds, then standard deviations:")
    print(mean.round(4).to_string())
    print(honest.groupby("way", sort=False)[columns].std().round(4).to_string())


if __name__ == "__main__":
    main()
