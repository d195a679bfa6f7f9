"""Does a filter that has learned some writers' notices know another writer's?

    python benchmarks/notices.py --data sample --model tiny

One of the three writers of the bundled notices is held out after the other, the others'
notices are learned, and the held-out writer's are measured: false alarms of the genuine
ones, and what is caught of the spam. So pooling and copies are chosen with the locked
notices out of sight.
"""

import argparse
from dataclasses import replace

import pandas as pd
from setting import table

from spamft.data import encode_labels
from spamft.experiments.finetune import finetune
from spamft.experiments.robust import plan_robustness
from spamft.sources import open_model, open_splits
from spamft.sources.notices import notices
from spamft.use.predict import dataset_for, predict_in_order

WRITERS = {"Britain, Ireland": 189, "America, Australia": 190, "Asia, Africa": 191}
WAYS = {  # pooling, copies, whether notices are learned; no copies: not robust
    "as ever": (None, None, False),
    "copies": ("last_real", 2, False),
    "copies, notices": ("last_real", 2, True),
    "copies, mean": ("mean", 2, False),
    "copies, notices, mean": ("mean", 2, True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="sample")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    data, pretrained = open_splits(args.data), open_model(args.model)
    parts, rows = list(_by_writer(encode_labels(notices(), data.names))), []
    for name, (pooling, copies, learned) in WAYS.items():
        found = []
        for held, part in enumerate(parts):
            others = pd.concat(parts[:held] + parts[held + 1 :])
            robust = False
            if copies is not None:
                robust = replace(
                    plan_robustness(data.splits.train, data.names),
                    copies=copies,
                    notices=others if learned else None,
                )
            run = finetune(
                *(data, pretrained), robust=robust, pooling=pooling, seed=args.seed
            )
            found.append(_measure(run, part))
            print(name, list(WRITERS)[held], found[-1], flush=True)
        rows.append([name, *(str(sum(each)) for each in zip(*found, strict=True))])
    print(table(["", "false alarms", "of", "caught", "of"], rows))


def _by_writer(df: pd.DataFrame):
    start = 0
    for count in WRITERS.values():
        yield df[start : start + count]
        start += count


def _measure(run, part: pd.DataFrame) -> tuple[int, int, int, int]:
    """False alarms, of; caught, of."""
    logits = predict_in_order(run.model, dataset_for(run.model, part, run.tokenizer))
    spam = list(run.data.names).index("spam")
    predicted = (logits.argmax(1) == spam).numpy()
    true = (part["Label"] == spam).to_numpy()
    false, caught = int((predicted & ~true).sum()), int((predicted & true).sum())
    return false, int((~true).sum()), caught, int(true.sum())


if __name__ == "__main__":
    main()
