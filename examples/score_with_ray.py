"""Score more messages than one machine will, with a saved classifier and Ray Data.

    python examples/score_with_ray.py --model runs/1 --input messages --output scored

`messages` is a Parquet or CSV file, or a folder of them; `scored` becomes a folder of
Parquet files with the same columns, the predicted label and a probability per class.
Rows are read, scored and written block by block, so memory does not grow with them. If
a worker is lost, Ray gives its blocks to another. Their order may change: bring a
column that names the rows.

Without a cluster it runs on the cores of this machine; where one is running, on all of
it: set RAY_ADDRESS. Needs pip install 'ray[data]'.
"""

import argparse
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_folder
from spamft.use.predict import MESSAGES
from spamft.use.saved import load

__all__ = ["Scorer", "score"]


class Scorer:
    """A worker: it loads the classifier once, and scores tables as they come."""

    def __init__(self, model: str, text: str, device: str):
        self.saved, self.text = load(model, device=device), text

    def __call__(self, rows: pa.Table) -> pa.Table:
        """The rows with columns for label and probabilities.

        In batches by tokens, of messages of similar length: see `classify_stream`.
        """
        texts = ["" if text is None else text for text in rows[self.text].to_pylist()]
        verdicts = self.saved.classify(texts)
        # with their types, for a table may be empty
        shown = pa.array([each.shown for each in verdicts], pa.string())
        rows = rows.append_column("predicted", shown)
        for name in self.saved.model.label_names:
            shares = pa.array([v.probabilities[name] for v in verdicts], pa.float64())
            rows = rows.append_column(f"probability_{name}", shares)
        return rows


def score(
    model: Path | str,
    source: Path | str,
    target: Path | str,
    *,
    text: str = "Text",
    workers: int = 2,
    gpus: float = 0.0,
    window: int = MESSAGES,
    scorer: type = Scorer,
) -> None:
    """Write `source` with what `model` predicts to the folder `target`.

    Each of the `workers` takes one core and `gpus` graphics cards, or a part of one,
    and scores `window` rows at a time.
    The folder appears whole or not at all. Raises SpamftError if it is there already,
    or if there is no column `text`.
    """
    if Path(target).exists():
        raise SpamftError(f"{target} exists: choose another name")
    rows = _read(Path(source))
    if text not in (names := rows.schema().names):
        raise SpamftError(f"{source} has no column {text!r}, only {', '.join(names)}")
    options: dict[str, Any] = {
        "model": str(Path(model).resolve()),
        "text": text,
        "device": "cuda" if gpus else "cpu",
    }
    scored = rows.map_batches(
        scorer,
        fn_constructor_kwargs=options,
        batch_size=window,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=gpus,
        # a worker that is lost starts again, and its blocks are done again
        max_restarts=-1,
        max_task_retries=-1,
    )
    with whole_folder(target) as made:
        scored.write_parquet(str(made))


def _read(source: Path) -> ray.data.Dataset:
    """The rows of Parquet or CSV files."""
    some = next(source.rglob("*.*"), source) if source.is_dir() else source
    readers = {".parquet": ray.data.read_parquet, ".csv": ray.data.read_csv}
    if (reader := readers.get(some.suffix)) is None:
        raise SpamftError(f"{some} must be .parquet or .csv")
    return reader(str(source.resolve()))


def main() -> None:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    made.add_argument("--model", required=True, help="the folder of a run")
    made.add_argument("--input", required=True, help="Parquet or CSV")
    made.add_argument("--output", required=True, help="a folder of Parquet files")
    made.add_argument("--text", default="Text", help="the column of messages")
    made.add_argument("--workers", type=int, default=2, help="processes that score")
    made.add_argument("--gpus", type=float, default=0, help="cards for each of them")
    args = made.parse_args()
    score(
        args.model,
        args.input,
        args.output,
        text=args.text,
        workers=args.workers,
        gpus=args.gpus,
    )


if __name__ == "__main__":
    main()
