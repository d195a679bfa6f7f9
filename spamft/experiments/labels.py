"""How many labels are enough: the learning curve of a method on your own messages.

    learning_curves(data, model) -> LearningCurves; with a folder one cell per method,
    size and draw in cells/, then labels.csv, labels.json and labels.png

From the training part, sets of 8, 16, 32 ... and all messages are drawn, several times;
the test part stays the same. Finished cells are kept: interrupted, the same call
resumes.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from spamft.experiments.cells import about, claim, kept_cell, slug
from spamft.experiments.checkpoints import Checkpoints
from spamft.experiments.learners import Learner, baseline, learner_for
from spamft.insight.baselines import BASELINES
from spamft.insight.learning_curve import PowerLaw, fit_power_law, summarize_curve
from spamft.methods.method import Method, describe, method_named
from spamft.models.precision import precision_named
from spamft.plots import plot_label_curves
from spamft.plumbing.checkpoint import digest
from spamft.plumbing.device import describe_device, pick_device
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file
from spamft.plumbing.jsonfile import write_json
from spamft.plumbing.locks import only_one
from spamft.sources.draws import draw_order, training_sizes
from spamft.sources.duplicates import duplicate_groups
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData

__all__ = ["LearningCurves", "learning_curves"]

RIVALS = ("TF-IDF + logistic regression", "majority class")
FAR = 4  # times as many labels as there are: so far the picture goes
Log = Callable[[str], None]


class LearningCurves(NamedTuple):
    """What each method reaches with so many labels, and where that leads."""

    data: PreparedData
    model: Pretrained
    table: pd.DataFrame  # one row per method and size
    laws: dict[str, PowerLaw | None]  # of those that learn

    def __str__(self) -> str:
        test, labels = len(self.data.splits.test), int(self.table["labels"].max())
        lines = []
        for name, curve in self.table.groupby("method", sort=False):
            lines += [visible(name), *_rows(curve)]
            if (law := self.laws.get(name)) is not None:
                ends = law.intervals()
                abc = ", ".join(
                    f"{key} {getattr(law, key):.3f} ({ends[key][0]:.3f} to "
                    f"{ends[key][1]:.3f})"
                    for key in "abc"
                )
                lines += [f"  error = a n^-b + c: {abc}", f"  {law.doubling(labels)}"]
                if law.strays:
                    lines.append("  but the curve is no power law: do not rely on that")
            elif name in self.laws:
                lines.append("  too few sizes to say what more labels would bring")
            lines.append("")
        lines += [f"accuracy on {test:,} test messages; in brackets the 95 % "]
        lines[-1] += "interval of the mean, for other training and test messages"
        return "\n".join(lines)

    def to_dict(self) -> dict:
        """All of it, for JSON."""
        labels = int(self.table["labels"].max())
        fits = {
            name: {key: getattr(law, key) for key in "abc"}
            | {"intervals": law.intervals()}
            | {"doubling": law.doubling(labels)._asdict()}
            | {"verdict": law.doubling(labels).verdict}
            for name, law in self.laws.items()
            if law is not None
        }
        return {
            "data": self.data.source,
            "test_messages": len(self.data.splits.test),
            "model": self.model.name,
            "curves": self.table.to_dict("records"),
            "power_laws": fits,
        }


def learning_curves(
    data: PreparedData,
    model: Pretrained,
    folder: Path | str | None = None,
    *,
    method: str | Method = "features",
    draws: int = 5,
    device: str = "auto",
    precision: str = "auto",
    log: Log = lambda line: None,
) -> LearningCurves:
    """Accuracy of `method`, of counting words and of the majority class, by labels.

    All training sets come from the training part of `data`; they are nested within a
    draw and have as many messages of each class as there are. Without a folder nothing
    is written. Raises SpamftError if it holds curves of other data or another model.
    """
    if draws < 2:
        raise SpamftError(f"{draws=} must be at least 2: one shows no spread")
    method, folder = method_named(method), Path(folder) if folder else None
    precision = precision_named(precision, pick_device(device))
    with only_one(folder) if folder else nullcontext():
        if folder:
            claim(folder, about(data, model), "learning curves")
        where = describe_device(pick_device(device))
        log(f"data: {data}\nmodel: {visible(model.source)}\ndevice: {where}")
        keep = folder / "cells" / "features.bin" if folder else None
        learner = learner_for(data, model, method, device, keep, precision)
        learners = {method.name: learner}
        learners |= {name: partial(baseline, data, name) for name in RIVALS}
        described = {method.name: [describe(method), precision]}
        described |= {name: describe(BASELINES[name]) for name in RIVALS}
        sets, right = _training_sets(data, draws), {}
        for name, learner in learners.items():
            fill = partial(_cell, folder, name, described[name], learner, log)
            right[name] = np.array([[fill(*one) for one in draw] for draw in sets])
        found = _summary(data, model, right, [len(rows) for _, rows in sets[0]])
        if folder:
            _write(folder, found)
    return found


def _training_sets(
    data: PreparedData, draws: int
) -> list[list[tuple[int, np.ndarray]]]:
    """For each draw and size (number of the draw, rows of the training part)."""
    train = data.splits.train
    sizes, groups = training_sizes(train["Label"]), duplicate_groups(train)
    orders = [draw_order(train, groups, seed) for seed in range(1, draws + 1)]
    return [
        [(draw, order[:size]) for size in sizes]
        for draw, order in enumerate(orders, start=1)
    ]


def _cell(
    folder: Path | None,
    name: str,
    described: dict | str | list,
    learner: Learner,
    log: Log,
    draw: int,
    rows: np.ndarray,
) -> list[int]:
    """For each test message 1 or 0: whether it is predicted right after training."""
    if folder is None:
        return learner(rows, draw, None)
    path = folder / "cells" / f"{slug(name)}-{len(rows)}-{draw}.json"

    def make() -> dict:
        right = learner(rows, draw, path)
        return {"accuracy": float(np.mean(right)), "right": right}

    description = {"entry": described, "rows": digest(rows.tolist()), "draw": draw}
    line = f"{visible(name)}, {len(rows):,} labels, draw {draw}"
    cell = kept_cell(path, line, description, make, log)
    Checkpoints.beside(path).remove()
    return cell["right"]


def _summary(
    data: PreparedData, model: Pretrained, right: dict[str, np.ndarray], sizes: list
) -> LearningCurves:
    sizes = np.array(sizes)
    tables = [
        summarize_curve(sizes, each).assign(method=name) for name, each in right.items()
    ]
    table = pd.concat(tables, ignore_index=True)
    laws = {
        name: fit_power_law(sizes, each)
        for name, each in right.items()
        if name != "majority class"  # learns from no message
    }
    columns = ["method", *table.columns.drop("method")]
    return LearningCurves(data, model, table[columns], laws)


def _rows(curve: pd.DataFrame) -> Iterator[str]:
    for each in curve.itertuples():
        yield (
            f"{each.labels:>9,}  {each.accuracy:6.1%} ± {100 * each.sd:.1f}  "
            f"({each.interval_low:.1%} to {each.interval_high:.1%})"
        )


def _write(folder: Path, found: LearningCurves) -> None:
    """labels.csv, labels.json and labels.png."""
    with whole_file(folder / "labels.csv") as part:
        found.table.to_csv(part, index=False)
    write_json(folder / "labels.json", found.to_dict())
    sizes = found.table["labels"]
    labels = np.geomspace(sizes.min(), FAR * sizes.max(), 200)
    laws = {
        name: (labels, 1 - law.error(labels))
        for name, law in found.laws.items()
        if law is not None
    }
    with whole_file(folder / "labels.png") as part:
        picture = plot_label_curves(found.table, laws)
        picture.savefig(part, dpi=150, format="png")
