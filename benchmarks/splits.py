"""Methods against counting words, over several ways to cut the same messages.

    python benchmarks/splits.py --data sample --model smollm2 --methods features,lora-16

Each split seed draws, balances and cuts anew. All contenders learn from the same
training part, and the test messages of all seeds are the pairs of one exact test. What
is done is kept in FILE, and a second call goes on from there.
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from setting import Clock, table

from spamft.experiments.finetune import finetune
from spamft.experiments.table import interval, paired_test
from spamft.insight.baselines import words_and_pieces
from spamft.methods.method import METHODS
from spamft.plumbing.files import whole_file
from spamft.sources import open_model, open_splits
from spamft.sources.splits import PreparedData
from spamft.train import TrainConfig

WORDS = "TF-IDF + SVM"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--methods", default="features,last_block", metavar="A,B")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=1, help="the first split seed")
    parser.add_argument("--epochs", type=int, help="default the method's")
    parser.add_argument("--lr", type=float, help="default the method's")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--keep", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    settings = {"epochs": args.epochs, "lr": args.lr}
    settings = {name: value for name, value in settings.items() if value is not None}
    replace(TrainConfig(), **settings)
    cells = json.loads(args.keep.read_text()) if args.keep.exists() else {}
    pretrained = open_model(args.model)
    names = [WORDS, *args.methods.split(",")]
    for seed in range(args.first, args.first + args.seeds):
        data = open_splits(args.data, seed=seed)
        for name in names:
            key = _key(args, pretrained.source, name, settings, seed)
            if key not in cells:
                cells[key] = _cell(
                    *(data, pretrained, name, settings, seed, args.precision)
                )
                with whole_file(args.keep) as part:
                    part.write_text(json.dumps(cells))
            cell = cells[key]
            print(f"{name}, split {seed}: {np.mean(cell['right']):.2%}", flush=True)
    print(_summary(cells, args, pretrained.source, names, settings))


def _key(
    args: argparse.Namespace, source: str, name: str, settings: dict, seed: int
) -> str:
    coarse = [] if args.precision == "float32" else [args.precision]
    return json.dumps([args.data, source, name, settings, seed, *coarse])


def _cell(
    data: PreparedData,
    pretrained,
    name: str,
    settings: dict,
    seed: int,
    precision: str,
) -> dict:
    """Whether each test message was predicted right, and what it took."""
    train, validation, test = data.splits
    with Clock() as clock:
        if name == WORDS:
            fitted = words_and_pieces().fit(train["Text"], train["Label"])
            right, history = fitted.predict(test["Text"]) == test["Label"], []
        else:
            run = finetune(
                *(data, pretrained, name),
                seed=seed,
                config=settings,
                precision=precision,
                log=print,
            )
            labels = test["Label"].to_numpy()
            right = run.logits["test"].argmax(-1).numpy() == labels
            history = [asdict(record) for record in run.history]
    return {
        "right": right.astype(int).tolist(),
        "seconds": clock.seconds,
        "history": history,
    }


def _summary(
    cells: dict, args: argparse.Namespace, source: str, names: list, settings: dict
) -> str:
    seeds, rows = range(args.first, args.first + args.seeds), []
    per_name = {
        name: [cells[_key(args, source, name, settings, seed)] for seed in seeds]
        for name in names
    }
    words = np.concatenate([cell["right"] for cell in per_name[WORDS]])
    for name, found in per_name.items():
        right = np.concatenate([cell["right"] for cell in found])
        shares = [np.mean(cell["right"]) for cell in found]
        difference = right - words
        spread = np.std(shares, ddof=1) if len(shares) > 1 else 0.0
        low, high = (100 * end for end in interval(difference[None]))
        rows.append(
            [
                METHODS[name].name if name in METHODS else name,
                f"{np.mean(shares):.2%} ± {spread:.2%}",
                f"{min(shares):.2%} to {max(shares):.2%}",
                f"{100 * difference.mean():+.1f} ({low:+.1f} to {high:+.1f})",
                f"{paired_test(right, words):.2g}",
                f"{np.median([cell['seconds'] for cell in found]):.0f}",
            ]
        )
    header = ["method", "accuracy ± sd", "range", f"points to {WORDS} (95 %)", "p"]
    return f"\n{source}, {len(seeds)} split seeds\n" + table([*header, "seconds"], rows)


if __name__ == "__main__":
    main()
