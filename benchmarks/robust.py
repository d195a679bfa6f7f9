"""Before and after `--robust`: escapes, false alarms and accuracy, over several seeds.

    python benchmarks/robust.py --data sample --model tiny --seeds 3

Each seed finetunes twice on the same split, and both models are stressed with the same
edits. Counts of all seeds are added up; of the locked notices, which nothing is trained
on, and of the clean test part each seed's share is shown.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from setting import table

from spamft.experiments.finetune import finetune
from spamft.experiments.robust import DRAWN
from spamft.insight.alarms import locked_alarms
from spamft.insight.stress import stress
from spamft.plumbing.files import whole_file
from spamft.sources import open_model, open_splits

GROUPS = ("characters", "drawn in training", "never drawn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="sample")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--method", help="default the model's usual one")
    parser.add_argument("--pooling", help="default the method's own")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", type=Path, required=True, metavar="FILE")
    args = parser.parse_args()
    cells = json.loads(args.keep.read_text()) if args.keep.exists() else {}
    data, pretrained = open_splits(args.data), open_model(args.model)
    for seed in range(1, args.seeds + 1):
        for robust in (False, True):
            key = json.dumps([*_setting(args), seed, robust])
            if key not in cells:
                run = finetune(
                    *(data, pretrained, args.method),
                    pooling=args.pooling,
                    precision=args.precision,
                    robust=robust,
                    seed=seed,
                )
                cells[key] = _measure(run)
                with whole_file(args.keep) as part:
                    part.write_text(json.dumps(cells))
            print(seed, "robust" if robust else "as ever", cells[key], flush=True)
    print(_summary(args, cells))


def _setting(args: argparse.Namespace) -> list:
    return [args.data, args.model, args.method, args.pooling, args.precision]


def _measure(run) -> dict:
    """Counts of (turned, of) by group, of false alarms and of the accuracy."""
    test = run.data.splits.test
    found = stress(run.model, run.tokenizer, test, rule=run.rule, label="spam")
    counts = Counter()
    for effect in found.effects:
        trained = effect.edit in DRAWN
        groups = ["drawn in training" if trained else "never drawn"]
        groups += ["characters"] if effect.kind == "characters" else []
        for group in groups:
            for side, turned in (("escapes", effect.escapes), ("ham", effect.alarms)):
                counts[f"{group}: {side}"] += turned.edit.count
                counts[f"{group}: {side} of"] += turned.edit.of
    locked = locked_alarms(run.model, run.tokenizer, run.rule)
    return counts | {
        "notices": locked.false,
        "imitations": locked.caught,
        "accuracy": run.reports["test"].accuracy,
        "interval": run.reports["test"].interval,
    }


def _summary(args: argparse.Namespace, cells: dict) -> str:
    found = [
        [
            cells[json.dumps([*_setting(args), seed, robust])]
            for seed in range(1, args.seeds + 1)
        ]
        for robust in (False, True)
    ]
    rows = []
    for group in GROUPS:
        for side in ("escapes", "ham"):
            name = f"{group}: {side}"
            rows.append([name, *(_share(each, name) for each in found)])
    for name in ("notices", "imitations"):
        rows.append([name, *(_each(each, name, "{}") for each in found)])
    rows.append(["accuracy", *(_each(each, "accuracy", "{:.1%}") for each in found)])
    title = f"\n{args.data}, {args.model}, {args.seeds} seeds\n"
    return title + table(["", "as ever", "robust"], rows)


def _share(found: list[dict], name: str) -> str:
    turned = sum(each[name] for each in found)
    of = sum(each[f"{name} of"] for each in found)
    return f"{turned} of {of} ({turned / max(of, 1):.1%})"


def _each(found: list[dict], name: str, form: str) -> str:
    return ", ".join(form.format(each[name]) for each in found)


if __name__ == "__main__":
    main()
