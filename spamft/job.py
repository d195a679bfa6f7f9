"""The whole job in one call: messages and a model in, a finetuned classifier out.

    open_splits -> batches -> model -> fit -> evaluate -> a folder of results

The command line calls this, and so may you.
"""

import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import islice
from pathlib import Path

import pandas as pd
import tiktoken
import torch
from torch.utils.data import DataLoader

from spamft import __version__
from spamft.batches import TOKEN_BUDGET, SpamDataset, make_bucketed_loader, make_loader
from spamft.classifier import GPTClassifier, Pooling, Trainable, save, set_trainable
from spamft.data import Splits, save_splits
from spamft.evaluate import Report, evaluate
from spamft.plots import plot_accuracy, plot_confusion, plot_loss
from spamft.sources import Data, Model, open_model, open_splits
from spamft.train import Record, TrainConfig, fit
from spamft.trunk import TrunkPlan, plan_trunk, run_trunk

__all__ = ["Job", "Recipe", "default_recipe", "finetune", "lecture_recipe"]
__all__ += ["report_dict"]


RESULTS = (
    "train.csv",
    "validation.csv",
    "test.csv",
    "history.csv",
    "loss.png",
    "accuracy.png",
    "confusion.png",
    "model",
    "metrics.json",  # comes last: what has it is whole
)


@dataclass(frozen=True)
class Recipe:
    """How messages become batches, and how the model trains on them."""

    train: TrainConfig
    pooling: Pooling = "last_real"
    batch_size: int = 8
    # The lecture's batches: all as wide as the longest training message, the ragged
    # last one dropped; and a look at 5 batches, not at all, when it evaluates
    as_lecture: bool = False


def lecture_recipe() -> Recipe:
    """The lecture's: last column, batches of 8, AdamW at 5e-5, 5 epochs."""
    return Recipe(TrainConfig(eval_every=50), pooling="last", as_lecture=True)


def default_recipe(parameters: int, scope: str | int) -> Recipe:
    """Ours, by the model's size and what of it trains: what is small takes big steps.

    GPT-2's rate is the lecture's. The others come from a small search on leak-free
    splits of other seeds, so the lecture's split had no say in them.
    """
    if parameters > 50e6:
        return Recipe(TrainConfig(epochs=5, lr=5e-5, clip_norm=1.0))
    lr = 1e-3 if scope != "all" else 3e-4
    return Recipe(TrainConfig(epochs=5, lr=lr, warmup_steps=50, clip_norm=1.0))


def default_scope(model: str) -> str:
    """All of random weights; of a pretrained model the last block, as the lecture."""
    return "all" if model == "scratch" else "last_block"


@dataclass(frozen=True)
class Job:
    """What to do: the command line's options, by their names."""

    output: Path
    data: str = "auto"  # as in `open_messages`
    model: str = "auto"  # as in `open_model`
    split: str = "leak-free"  # or "lecture"
    recipe: str = "default"  # or "lecture"
    epochs: int | None = None  # these four: None as in the recipe
    lr: float | None = None
    batch_size: int | None = None
    patience: int | None = None
    bf16: bool = False
    train: str | int | None = None  # scope; None: all from scratch, else last_block
    cache: bool = True  # run the frozen blocks once, see trunk.py
    balanced: bool = True  # False: all rows, and rare classes weigh more in the loss
    seed: int = 123  # of the model's new weights and the order of batches
    split_seed: int = 123
    text: str | None = None  # the text column's name
    label: str | None = None  # the label column's name
    folder: Path | str = "data"  # for a download
    overwrite: bool = False
    say: Callable[[str], None] = field(default=lambda line: None)
    progress: bool = False  # bars


class _Watch:
    """Seconds per stage."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - began, 3)


def finetune(job: Job) -> dict:
    """Do the whole job; return what `metrics.json` in the output folder says.

    The folder gets metrics.json, history.csv, loss.png, accuracy.png, confusion.png,
    train.csv, validation.csv, test.csv and model/, all at the end and metrics.json
    last. Raises ValueError if it already holds a run, unless `overwrite`.
    """
    _check(job)
    watch = _Watch()
    with watch("data"):
        data = open_splits(
            job.data,
            split=job.split,
            balanced=job.balanced,
            text=job.text,
            label=job.label,
            folder=job.folder,
            seed=job.split_seed,
            progress=job.progress,
        )
        leaks = data.leaks
    in_train = leaks["test"]["folded"]
    job.say(f"data: {data}; in train too: {in_train} of the test messages")
    with watch("model"):
        opened = open_model(job.model, seed=job.seed)
    recipe = _recipe(job, sum(p.numel() for p in opened.gpt.parameters()), opened.name)
    with watch("tokenize"):
        datasets = _datasets(data.splits, opened, recipe.as_lecture)
    model = GPTClassifier(
        opened.gpt,
        len(data.names),
        recipe.pooling,
        label_names=data.names,
        max_length=datasets[0].max_length,
        seed=job.seed,
    ).to("cuda" if torch.cuda.is_available() else "cpu")
    scope = default_scope(opened.name) if job.train is None else job.train
    trainable = set_trainable(model, scope)
    job.say(f"model: {opened.source}; {trainable}")
    config = recipe.train
    if not job.balanced:
        weights = _inverse_shares(data.splits.train, len(data.names))
        config = replace(config, class_weights=weights)
    loaders = _loaders(datasets, recipe, job.seed)
    history, reports, trunk = _learn(job, model, loaders, config, watch)
    metrics = {
        "data": _data_facts(job, data),
        "model": _model_facts(opened, model, trainable),
        "recipe": _recipe_facts(job, recipe, config, history, len(loaders[0])),
        "leaks": leaks,
        "trunk": trunk,
        "seconds": watch.seconds,
    } | {name: report_dict(report, data.names) for name, report in reports.items()}
    test, tokenizer = reports["test"], opened.tokenizer
    _write_run(job, metrics, history, test, data.splits, model.cpu(), tokenizer)
    job.say(f"test: {test.describe(data.names)}\nresults in {job.output}")
    return metrics


def _check(job: Job) -> None:
    """Say what cannot be done before any work."""
    if job.split not in ("leak-free", "lecture"):
        raise ValueError(f"split {job.split!r} must be 'leak-free' or 'lecture'")
    if job.batch_size is not None and job.batch_size < 1:
        raise ValueError(f"batch_size={job.batch_size} must be at least 1")
    _recipe(job, 0)
    there = [name for name in RESULTS if (job.output / name).exists()]
    if there and not job.overwrite:
        raise ValueError(
            f"{job.output} already holds a run or files of its names ({there[0]}): "
            "choose another folder or overwrite"
        )
    if Path(job.data).resolve() in [(job.output / name).resolve() for name in RESULTS]:
        raise ValueError(f"{job.data} would be overwritten by the run's own file")
    model = job.output / "model"
    if model.exists() and not (model / "classifier.json").exists():
        raise ValueError(f"{model} is not a run's: choose another output folder")
    if not os.access(_existing(job.output), os.W_OK) or job.output.is_file():
        raise ValueError(f"{job.output} cannot be made: not a folder to write in")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(f for f in [folder, *folder.absolute().parents] if f.is_dir())


def _learn(
    job: Job,
    model: GPTClassifier,
    loaders: list[DataLoader],
    config: TrainConfig,
    watch: _Watch,
) -> tuple[list[Record], dict[str, Report], dict | None]:
    """Train and measure, on the trunk's hidden states unless the job forbids it."""
    plan = plan_trunk(model, loaders) if job.cache else None
    with ExitStack() as stack:
        learner = model
        with watch("trunk"):
            if job.cache:
                trunk = run_trunk(
                    model,
                    loaders,
                    folder=stack.enter_context(
                        # on the disk of the results, which has room for them
                        tempfile.TemporaryDirectory(dir=_existing(job.output))
                    ),
                    bf16=config.bf16,
                    progress=job.progress,
                    log=job.say,
                )
                learner, loaders = stack.enter_context(trunk)
        training, looked_at, *whole = loaders
        with watch("train"):
            history = fit(
                learner, training, looked_at, config, lambda r: job.say(str(r))
            )
        with watch("evaluate"):
            reports = {
                name: evaluate(learner, loader)
                for name, loader in zip(Splits._fields, whole, strict=True)
            }
    return history, reports, _trunk_facts(plan, watch.seconds["trunk"])


def report_dict(report: Report, names: Iterable[str]) -> dict:
    """A Report as JSON, its classes by name."""
    entries = asdict(report)
    classes = entries.pop("classes")
    return entries | {
        "examples": report.examples,
        "classes": dict(zip(names, classes, strict=True)),
    }


def _recipe(job: Job, parameters: int, model: str = "") -> Recipe:
    """The recipe that the job names, with the job's own figures."""
    if job.recipe not in ("default", "lecture"):
        raise ValueError(f"recipe {job.recipe!r} must be 'default' or 'lecture'")
    recipe = lecture_recipe()
    if job.recipe == "default":
        scope = default_scope(model) if job.train is None else job.train
        recipe = default_recipe(parameters, scope)
    changes = {"epochs": job.epochs, "lr": job.lr, "patience": job.patience}
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(
        recipe,
        train=replace(recipe.train, bf16=job.bf16, **given),
        batch_size=job.batch_size or recipe.batch_size,
    )


def _datasets(splits: Splits, opened: Model, as_lecture: bool) -> list[SpamDataset]:
    """All three cut to the longest training message: no position goes untrained."""
    tokenizer, context = opened.tokenizer, opened.gpt.config.context_length
    longest = min(SpamDataset(splits.train, tokenizer).max_length, context)
    return [
        SpamDataset(part, tokenizer, longest, fixed_width=as_lecture) for part in splits
    ]


def _loaders(
    datasets: list[SpamDataset], recipe: Recipe, seed: int
) -> list[DataLoader]:
    """Batches to train on and to look at meanwhile, then all three parts whole."""
    train, validation, _ = datasets
    budget = TOKEN_BUDGET["cuda" if torch.cuda.is_available() else "cpu"]
    whole = [make_bucketed_loader(dataset, budget) for dataset in datasets]
    training = make_loader(
        train,
        recipe.batch_size,
        shuffle=True,
        drop_last=recipe.as_lecture,
        seed=seed,
    )
    if not recipe.as_lecture:
        return [training, whole[1], *whole]
    looked_at = make_loader(validation, recipe.batch_size)
    five = DataLoader(
        validation,
        batch_sampler=list(islice(looked_at.batch_sampler, 5)),
        generator=looked_at.generator,
        collate_fn=looked_at.collate_fn,
    )
    return [training, five, *whole]


def _inverse_shares(df: pd.DataFrame, classes: int) -> tuple[float, ...]:
    """Loss weights that make every class count alike, 1 on average over messages."""
    counts = df["Label"].value_counts()
    return tuple(len(df) / (classes * int(counts.get(k, 1))) for k in range(classes))


def _data_facts(job: Job, data: Data) -> dict:
    counts = data.df["Label"].value_counts()
    return {
        "source": data.source,
        "rows": len(data.df),
        "classes": {name: int(counts[name]) for name in data.names},
        "balanced": job.balanced,
        "split": job.split,
        "split_seed": job.split_seed,
        "parts": dict(zip(Splits._fields, map(len, data.splits), strict=True)),
    }


def _model_facts(opened: Model, model: GPTClassifier, trainable: Trainable) -> dict:
    return {
        "name": opened.name,
        "source": opened.source,
        "gpt": asdict(model.gpt.config),
        "tokenizer": opened.tokenizer.name,
        "pooling": model.pooling,
        "max_length": model.max_length,
        "parameters": trainable.total,
        "trained_parameters": trainable.trained,
        "trained_parts": list(trainable.parts),
        "device": model.head.weight.device.type,
        "versions": {
            "spamft": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _trunk_facts(plan: TrunkPlan | None, seconds: float) -> dict | None:
    """What ran once, and how fast; None where nothing did."""
    if plan is None or not plan.blocks:
        return None
    return asdict(plan) | {
        "padding": 1 - plan.tokens / plan.padded,
        "gflops_per_second": plan.flops / seconds / 1e9,
    }


def _recipe_facts(
    job: Job, recipe: Recipe, config: TrainConfig, history: list[Record], batches: int
) -> dict:
    planned = config.epochs * -(-batches // config.accumulate)
    return asdict(config) | {
        "batch_size": recipe.batch_size,
        "as_lecture": recipe.as_lecture,
        "seed": job.seed,
        "planned_steps": planned,
        "steps": history[-1].step if history else 0,  # of the last record
    }


def _write_run(
    job: Job,
    metrics: dict,
    history: list[Record],
    test: Report,
    splits: Splits,
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
) -> None:
    """Make everything in a folder of its own, then move it in, metrics.json last."""
    job.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=job.output) as name:
        made = Path(name)
        save_splits(_as_names(splits, model.label_names), made)
        save(model, made / "model", tokenizer)
        columns = [each.name for each in fields(Record)]
        records = pd.DataFrame(map(asdict, history), columns=columns)
        records.to_csv(made / "history.csv", index=False)
        figures = {"confusion.png": plot_confusion(test, model.label_names)}
        if history:
            figures["loss.png"] = plot_loss(history)
            figures["accuracy.png"] = plot_accuracy(history)
        for filename, figure in figures.items():
            figure.savefig(made / filename, dpi=150)
        (made / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
        shutil.rmtree(job.output / "model", ignore_errors=True)
        for result in reversed(RESULTS):  # of an older run, its metrics.json first
            (job.output / result).unlink(missing_ok=True)
        for result in RESULTS:
            if (made / result).exists():
                (made / result).replace(job.output / result)


def _as_names(splits: Splits, names: Sequence[str]) -> Splits:
    """Class ids as in the lecture's files; but where the labels are other numbers,
    these, for an id would be taken for one of them."""
    ids = [str(number) for number in range(len(names))]
    if not all(name.isdecimal() for name in names) or list(names) == ids:
        return splits
    named = dict(enumerate(names))
    return Splits(*(part.assign(Label=part["Label"].map(named)) for part in splits))
