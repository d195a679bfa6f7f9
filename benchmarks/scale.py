"""Seconds and peak memory of the whole job as the messages grow, at GPT-2's size.

Messages are drawn with replacement and numbered, so that no two are equal and share
their hidden states; the budget for these is below what any size needs: cost must grow
as the tokens, memory as the budget. Each size runs in a process of its own. Linux only.

    python benchmarks/scale.py --data sms+spam+collection.zip
"""

import argparse
import json
import subprocess
import sys

from setting import Clock, finish, gpt2_parser, model, table

from spamft.batches import SpamDataset, make_bucketed_loader, make_loader
from spamft.data import encode_labels
from spamft.evaluate import evaluate
from spamft.experiments.cost import PeakMemory
from spamft.sources import open_messages
from spamft.tokenizer import load_tokenizer
from spamft.train import TrainConfig, fit
from spamft.trunk import cache_trunk

BUDGET = 32 * 2**20  # bytes of hidden states in memory: below all sizes


def main() -> None:
    made = gpt2_parser(__doc__.split("\n")[0])
    made.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    made.add_argument("--epochs", type=int, default=1)
    made.add_argument("--one", type=int, metavar="N", help="this size only, as JSON")
    args = made.parse_args()
    if args.one:
        print(json.dumps(_job(args)))
        return
    runs = []
    for thousands in args.sizes:
        command = [sys.executable, __file__, "--data", args.data]
        command += ["--one", str(1000 * thousands), "--epochs", str(args.epochs)]
        command += ["--layers", str(args.layers)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True)
        runs.append(json.loads(shown.stdout.splitlines()[-1]))
    finish(args, {"budget": BUDGET, "epochs": args.epochs, "runs": runs}, _show)


def _messages(data: str, count: int) -> SpamDataset:
    """Messages drawn with replacement, made different by a number in front."""
    df = encode_labels(open_messages(data).df)
    df = df.sample(count, replace=True, random_state=1)
    numbered = [f"{i:05d} {text}" for i, text in enumerate(df["Text"])]
    return SpamDataset(df.assign(Text=numbered), load_tokenizer("gpt2"))


def _job(args: argparse.Namespace) -> dict:
    dataset, classifier = _messages(args.data, args.one), model(args.layers)
    with Clock() as clock, PeakMemory() as memory:
        learner, [hidden] = cache_trunk(classifier, [dataset], memory_budget=BUDGET)
        whole = make_bucketed_loader(hidden)
        train = make_loader(hidden, 8, shuffle=True)
        fit(learner, train, whole, TrainConfig(epochs=args.epochs))
        evaluate(learner, whole)
    return {
        "messages": args.one,
        "tokens": learner.plan.tokens,
        "hidden_bytes": learner.plan.bytes,
        "seconds": clock.seconds,
        "peak_mb": memory.bytes / 2**20,
    }


def _show(n: dict) -> str:
    def per_token(run: dict) -> float:
        return run["seconds"] / run["tokens"]

    rows = [
        [
            f"{run['messages']:,}",
            f"{run['tokens']:,}",
            f"{run['hidden_bytes'] / 1e6:,.0f} MB",
            f"{run['seconds']:,.0f}",
            f"{per_token(run) / per_token(n['runs'][0]):.2f}",
            f"{run['peak_mb']:,.0f} MB",
        ]
        for run in n["runs"]
    ]
    header = ["messages", "tokens", "hidden states", "seconds", "a token, relative"]
    return table([*header, "peak memory"], rows)


if __name__ == "__main__":
    main()
