"""What temperature, threshold and "unsure" do: promised rates against measured ones.

    python benchmarks/verdict.py --data sms+spam+collection.zip

Ten split seeds; the bundled GPT, finetuned with its default method. The validation part
chooses the temperature, half of the ham that balancing put aside the threshold; the
other half gives the false alarms, the test part recall, loss and calibration error.
"""

import argparse

import pandas as pd
import torch
from torch import Tensor

from spamft.evaluate import report
from spamft.experiments.finetune import finetune
from spamft.experiments.rule import plan_rule
from spamft.experiments.run import Run
from spamft.insight.alarms import count_alarms
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_splits
from spamft.use.predict import dataset_for, predict_in_order

RATES = (0.002, 0.01)  # of false alarms
SHARE = 0.13  # of spam, as in the collection


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    for source in args.data:
        rows = []
        for seed in range(1, args.seeds + 1):
            rows.append(_measure(source, seed))
            print(pd.DataFrame(rows[-1:]).T.round(4).to_string(), flush=True)
        _show(source, pd.DataFrame(rows))


def _measure(source: str, seed: int) -> dict[str, float]:
    """One finetuning, and what each rate makes of it."""
    data = open_splits(source, seed=seed)
    run = finetune(data, "tiny", seed=seed)
    truth, known = torch.tensor(data.splits.test["Label"].tolist()), {}

    def score(df: pd.DataFrame) -> Tensor:
        """Both rates have the same halves."""
        if (key := tuple(df.index)) not in known:
            examples = dataset_for(run.model, df, run.tokenizer)
            known[key] = predict_in_order(run.model, examples)
        return known[key]

    row = {"temperature": run.rule.temperature}
    for name, logits in (
        ("as trained", run.logits["test"]),
        ("calibrated", run.logits["test"] / run.rule.temperature),
    ):
        found = report(logits, truth)
        row[f"loss, {name}"] = found.loss
        row[f"calibration error, {name}"] = 100 * found.calibration_error
    for rate in (None, *RATES):
        row |= _at(run, rate, score, truth)
    return row


def _at(run: Run, rate: float | None, score, truth: Tensor) -> dict[str, float]:
    """Percentages with a threshold for this rate, or with none."""
    name = f"asked {rate:.1%}" if rate else "no threshold"
    names, test = run.data.names, run.logits["test"]
    try:
        plan = plan_rule(run.data, rate)
    except SpamftError as error:
        print(f"{name}: {error}")
        return {}
    rule = plan.fit(run.logits, score) if rate else run.rule
    unseen = plan_rule(run.data, rate or max(RATES)).alarm.measure
    logits = torch.cat([test[truth == 1], score(unseen)])
    labels = torch.cat([truth[truth == 1], torch.zeros(len(unseen)).long()])
    alarms = count_alarms(rule, logits, labels, names, "spam")
    held = (rule.predict(test, names) < 0).double().mean().item()
    return {
        f"{name}: unseen ham": alarms.others,
        f"{name}: false alarms": 100 * alarms.false_alarms.share,
        f"{name}: recall": 100 * alarms.recall.share,
        f"{name}: unsure of the test part": 100 * held,
        f"{name}: unsure at 13 % spam": 100 * alarms.unsure_at(SHARE),
    }


def _show(source: str, frame: pd.DataFrame) -> None:
    print(f"\n| {source}, {len(frame)} seeds | mean | sd | lowest | highest |")
    print("|---|---|---|---|---|")
    for name, each in frame.items():
        cells = (each.mean(), each.std(), each.min(), each.max())
        print(f"| {name} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |")


if __name__ == "__main__":
    main()
