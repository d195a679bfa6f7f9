"""Does a filter that has learned some writers' notices know another writer's?

    python benchmarks/notices.py --data sample --model tiny --keep FILE

One of the six writers of the bundled notices is held out after the other, notices of
others are learned, and the held-out writer's are measured: false alarms of the genuine
ones, and what is caught of the spam. So pooling, copies, epochs and how many writers
are chosen with the locked notices and the test part out of sight; what a way costs on
ordinary messages, the validation part tells. With `--keep FILE` a killed benchmark goes
on where it was.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from setting import table

from spamft.data import encode_labels
from spamft.experiments.finetune import finetune
from spamft.experiments.robust import plan_robustness
from spamft.experiments.run import Run
from spamft.plumbing.files import whole_file
from spamft.sources import open_model, open_splits
from spamft.sources.notices import notices
from spamft.use.predict import dataset_for, predict_in_order

WRITERS = {  # in the order of the file, and how many messages each has
    "Britain, Ireland": 189,
    "America, Australia": 190,
    "Asia, Africa": 191,
    "Europe, the Gulf": 235,
    "small senders": 229,
    "large senders": 228,
}


class Way(NamedTuple):
    """How a run differs from one as ever."""

    writers: int = 5  # whose notices are learned, those after the held-out one
    copies: int | None = 2  # of each message; None: not robust
    pooling: str | None = "mean"
    epochs: int | None = None  # None: those of the recipe


WAYS = {
    "as ever": Way(0, None, None),
    "copies": Way(0, pooling="last_real"),
    "copies, mean": Way(0),
    "copies, 2 writers, mean": Way(2),
    "copies, 5 writers": Way(pooling="last_real"),
    "copies, 5 writers, mean": Way(),
    "... without copies": Way(copies=0),
    "... with 1 copy": Way(copies=1),
    "... with 4 copies": Way(copies=4),
    "... 2 epochs": Way(epochs=2),
    "... 10 epochs": Way(epochs=10),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="sample")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="NAME"
    )
    parser.add_argument("--keep", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    cells = json.loads(args.keep.read_text()) if args.keep.exists() else {}
    data, pretrained = open_splits(args.data), open_model(args.model)
    parts = list(_by_writer(encode_labels(notices(), data.names)))
    rows = []
    for name in args.ways:
        way, run, found = WAYS[name], None, []
        for held, part in enumerate(parts):
            key = json.dumps([args.data, args.model, args.seed, *way, held])
            if key not in cells:
                if run is None or way.writers:  # else who is held out is all one
                    others = (parts[held + 1 :] + parts[:held])[: way.writers]
                    run = _run(data, pretrained, way, others, args.seed)
                accuracy = run.reports["validation"].accuracy
                cells[key] = [*_measure(run, part), accuracy]
                with whole_file(args.keep) as file:
                    file.write_text(json.dumps(cells))
            found.append(cells[key])
            print(name, list(WRITERS)[held], found[-1], flush=True)
        *counts, accuracies = zip(*found, strict=True)
        mean = sum(accuracies) / len(accuracies)
        rows.append([name, *(str(sum(each)) for each in counts), f"{mean:.1%}"])
    print(table(["", "false alarms", "of", "caught", "of", "validation"], rows))


def _by_writer(df: pd.DataFrame):
    start = 0
    for count in WRITERS.values():
        yield df[start : start + count]
        start += count


def _run(data, pretrained, way: Way, others: list[pd.DataFrame], seed: int) -> Run:
    robust = False
    if way.copies is not None:
        robust = replace(
            plan_robustness(data.splits.train, data.names),
            copies=way.copies,
            notices=pd.concat(others) if others else None,
        )
    config = way.epochs and {"epochs": way.epochs}
    options = {"config": config, "pooling": way.pooling, "seed": seed}
    return finetune(data, pretrained, robust=robust, **options)


def _measure(run: Run, part: pd.DataFrame) -> tuple[int, int, int, int]:
    """False alarms, of; caught, of."""
    logits = predict_in_order(run.model, dataset_for(run.model, part, run.tokenizer))
    spam = list(run.data.names).index("spam")
    predicted = (logits.argmax(1) == spam).numpy()
    true = (part["Label"] == spam).to_numpy()
    false, caught = int((predicted & ~true).sum()), int((predicted & true).sum())
    return false, int((~true).sum()), caught, int(true.sum())


if __name__ == "__main__":
    main()
