"""Data, a model and a method in; a finetuned, measured Run out.

    open_splits, open_model -> attach -> encode -> learn -> measure -> Run

Nothing is printed, and no file is written but what a download caches.
"""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor, nn

from spamft.batches import encode_splits, make_bucketed_loader, make_loader
from spamft.classifier import POOLINGS, what_trains
from spamft.data import Splits
from spamft.evaluate import report
from spamft.experiments.checkpoints import Checkpoints
from spamft.experiments.robust import Robustness, plan_robustness
from spamft.experiments.rule import RulePlan, plan_rule
from spamft.experiments.run import Run, Setup
from spamft.methods.method import Method, describe, method_named
from spamft.methods.task import Lessons, Task
from spamft.models.architectures import architecture_of
from spamft.models.attention import attention_named, attention_of, with_attention
from spamft.models.normalizer import normalizer_of
from spamft.models.precision import (
    autocast_training,
    lower_precision,
    precision_named,
    precision_of,
    trains_in_bf16,
)
from spamft.plumbing.checkpoint import digest
from spamft.plumbing.device import describe_device, pick_device, token_budget
from spamft.plumbing.errors import NotFiniteError, SpamftError
from spamft.sources.models import Pretrained, open_model
from spamft.sources.splits import PreparedData, open_splits
from spamft.train import Record, TrainConfig, TrainState
from spamft.use.predict import dataset_for, predict_in_order

__all__ = ["decide_config", "finetune", "lecture_config"]

GPT2_CONTEXT = 1024  # tokens that it reads
LECTURE_BATCHES = 5  # of the validation part, each time that the lecture evaluates
Log = Callable[[str], None]


def lecture_config() -> TrainConfig:
    """The lecture's settings: AdamW at 5e-5, 5 epochs, evaluated every 50 steps."""
    return TrainConfig(eval_every=50)


def finetune(
    data: str | Path | PreparedData = "auto",
    model: str | Path | Pretrained = "auto",
    method: str | Method | None = None,
    *,
    lecture: bool = False,
    config: TrainConfig | dict | None = None,
    pooling: str | None = None,
    max_length: int | None = None,
    attention: str = "causal",
    robust: bool | Robustness = False,
    false_alarms: float | None = None,
    alarm: str | None = None,
    seed: int = 123,
    device: str = "auto",
    precision: str = "auto",
    checkpoints: Checkpoints | None = None,
    log: Log | None = None,
) -> Run:
    """Finetune `model` on `data` by `method`, and measure it on all three parts.

    `data` is a name for `open_splits` or its result, `model` likewise for `open_model`;
    neither is changed. `method` is a name in METHODS or a Method, by default the
    lecture's, the last block; everything if the weights are random; without any
    `config` what the architecture names, of a Llama the frozen features. `config` is a
    TrainConfig, or the settings to change in the method's recipe. `pooling` is by
    default the method's own, `max_length` (tokens) the longest training message. With
    `attention="full"` tokens also see those after them, as no GPT was pretrained.
    `lecture=True` takes the lecture's rows, split, pooling, padding and settings.
    `robust=True` makes it hard to fool: texts are normalized, and edited copies of the
    training messages and, for ham and spam, genuine notices are learned, too, and
    `pooling` is by default the mean; or a Robustness of one's own.
    The validation part chooses a temperature; with `false_alarms`, a rate in 0..1, a
    threshold is chosen, too, for the class `alarm`: see `plan_rule`.
    `precision` is that of products with frozen weights: "float32", also by "auto", or,
    faster and coarser, "bf16" or "int8", where the device has instructions for it. On a
    GPU "bf16" is also that of what trains, whose weights stay float32.
    `seed` decides new weights and the order of batches. With `checkpoints` a killed
    finetuning resumes, and ends with the same weights to the bit; call their `remove`
    once the run is saved. `log` gets a line whenever there is news. Raises
    DownloadError or SpamftError.
    """
    where, seconds = pick_device(device), {}
    attention_named(attention)  # a wrong name is reported before any download
    precision = precision_named(precision, where)
    if lecture and robust:
        raise SpamftError("the lecture knows no robust training: leave one of them out")
    method = method if method is None else method_named(method)
    with _timed(seconds, "data"):
        data = _opened(data, lecture, log)
        plan = plan_rule(data, false_alarms, alarm)
        if robust is True:
            robust = plan_robustness(data.splits.train, data.names)
    with _timed(seconds, "model"):
        if not isinstance(model, Pretrained):
            model = open_model(model, seed=seed)
        model = model._replace(gpt=with_attention(model.gpt, attention))
    if robust:
        robust = replace(robust, pooling=pooling or robust.pooling)
        model = model._replace(tokenizer=robust.tokenizer(model.tokenizer))
    if method is None:
        method = method_named(_usual_method(model, trains=lecture or bool(config)))
    config = decide_config(config, method, model, data, lecture)
    how = lecture, seed, where, robust or None, precision
    setup = Setup(data, model, method, config, *how)
    with _timed(seconds, "tokenize"):
        task = _task(setup, pooling, max_length)
    cuts = _notes_on_cuts(task.encoded, model.gpt.config.context_length)
    notes = (*plan.notes, *(robust.told() if robust else ()), *cuts)
    for note in notes:
        _tell(log, f"note: {note}")
    setup = setup._replace(data=data._replace(notes=(*data.notes, *notes)))
    if checkpoints is not None:
        task = replace(task, keep=checkpoints.hidden)
    return _work(setup, task, plan, seconds, checkpoints, log)


def _work(
    setup: Setup,
    task: Task,
    plan: RulePlan,
    seconds: dict[str, float],
    checkpoints: Checkpoints | None,
    log: Log | None,
) -> Run:
    """Attach, encode, learn, measure."""
    classifier = setup.method.attach(setup.pretrained.gpt, task, setup.seed)
    classifier = classifier.to(setup.device)
    lower_precision(classifier.gpt, setup.precision)
    method = f"{setup.method.name}: {what_trains(classifier)}"
    if attention_of(classifier.gpt) == "full":
        method = f"full attention; {method}"
    _tell(log, f"model: {setup.pretrained.source}; {method}")
    _tell(log, f"device: {describe_device(setup.device)}")
    if setup.precision != "float32":
        _tell(log, f"precision: {precision_of(classifier.gpt)}")
    if trains_in_bf16(setup.precision, setup.device):
        _tell(log, "what trains: float32 weights, bfloat16 products")
    stored = None
    if checkpoints:
        stored = checkpoints.begin(_identity(setup, task, classifier), log)
    with _timed(seconds, "trunk"):
        lessons = setup.method.encode(
            classifier, task, progress=_on_terminal(log), log=log
        )
    with _timed(seconds, "train"):
        try:
            history = _learn(setup, lessons, checkpoints, stored, log)
        except NotFiniteError:  # resumed, it would come to the same end
            if checkpoints:
                checkpoints.remove()
            raise
    seconds["train"] += stored["seconds"] if stored else 0.0
    with _timed(seconds, "evaluate"):
        logits = {
            # of the messages themselves; edited copies of them come after them
            name: predict_in_order(lessons.reader, part)[: len(messages)]
            for (name, messages), part in zip(
                setup.data.splits._asdict().items(), lessons.parts, strict=True
            )
        }
        reports = _reports(logits, setup.data)
        rule = plan.fit(logits, lambda df: _scored(classifier, df, task))
    trunk = getattr(lessons.learner, "plan", None)
    said = reports["test"].describe(setup.data.names, "all of them in metrics.json")
    _tell(log, f"test: {said}")
    _tell(log, str(rule))
    return Run(classifier, setup, history, logits, reports, trunk, seconds, rule)


def _learn(
    setup: Setup,
    lessons: Lessons,
    checkpoints: Checkpoints | None,
    stored: dict | None,
    log: Log | None,
) -> list[Record]:
    """Train to the end, from the beginning or from what a killed process stored."""
    history = [Record(**line) for line in stored["history"]] if stored else []
    began = time.perf_counter() - (stored["seconds"] if stored else 0.0)

    def keep(at_once: bool = False) -> None:
        if checkpoints and state.books:  # a method that takes no steps has none
            checkpoints.write(
                lambda: {
                    "training": state.snapshot(),
                    "history": [asdict(record) for record in history],
                    "seconds": time.perf_counter() - began,
                },
                at_once=at_once,
            )

    if trains_in_bf16(setup.precision, setup.device):
        autocast_training(lessons.learner)
    state = TrainState(stored["training"] if stored else None, after_step=keep)
    for record in _records(setup, lessons, state):
        history.append(record)
        _tell(log, str(record))
        keep(at_once=state.finished)
    return history


def _records(setup: Setup, lessons: Lessons, state: TrainState) -> Iterator[Record]:
    config, lecture = setup.config, setup.lecture
    training = make_loader(
        lessons.train,
        config.batch_size,
        shuffle=True,
        # where whole models run at every step, padding is most of the time
        similar=not lecture and not getattr(lessons.learner, "plan", None),
        drop_last=lecture,
        seed=setup.seed,
    )
    if lecture:
        size, batches = config.batch_size, LECTURE_BATCHES
        validation = make_loader(lessons.validation, size, batches=batches)
    else:
        budget = token_budget(setup.device)
        validation = make_bucketed_loader(lessons.validation, budget)
    return setup.method.learn(lessons.learner, training, validation, config, state)


def _identity(setup: Setup, task: Task, classifier: nn.Module) -> dict[str, str]:
    """What decides how the training goes, for `Checkpoints`."""
    parts = [_digest_of(part) for part in task.splits]
    return {
        "data": digest([setup.data.names, parts]),
        "method": digest(describe(setup.method)),
        "settings": digest(describe(setup.config)),
        "way of reading": digest([task.pooling, task.max_length, setup.lecture]),
        "attention": attention_of(setup.pretrained.gpt),
        "precision": setup.precision,
        "robust": digest(_table(setup)),
        "seed": str(setup.seed),
        "device": setup.device.type,
        "model": digest(classifier.state_dict()),
    }


def _digest_of(df: pd.DataFrame) -> str:
    """Row by row: as one text it would be as long as the data."""
    found = hashlib.sha256()
    for label, text in zip(df["Label"], df["Text"], strict=True):
        found.update(digest([label, text]).encode())
    return found.hexdigest()


def _table(setup: Setup) -> dict:
    """What the tokenizer's normalizer does, if it has one; data has the copies."""
    normalizer = normalizer_of(setup.pretrained.tokenizer)
    return normalizer.to_dict() if normalizer else {}


def _usual_method(model: Pretrained, *, trains: bool) -> str:
    """The key of the method for who names none; `trains` if steps are wanted."""
    if model.name == "scratch":
        return "full"
    return "last_block" if trains else architecture_of(model.gpt.config).method


def decide_config(
    config: TrainConfig | dict | None,
    method: Method,
    model: Pretrained,
    data: PreparedData,
    lecture: bool = False,
) -> TrainConfig:
    """The settings of a run; classes that are not balanced get weights."""
    if not isinstance(config, TrainConfig):
        recipe = lecture_config() if lecture else method.recipe(model.gpt)
        config = replace(recipe, **config or {})
    if data.balanced or config.class_weights is not None:
        return config
    weights = _inverse_shares(data.splits.train, len(data.names))
    return replace(config, class_weights=weights)


def _inverse_shares(df: pd.DataFrame, classes: int) -> tuple[float, ...]:
    """Loss weights that make every class count the same, 1 on average over messages."""
    counts = df["Label"].value_counts()
    return tuple(len(df) / (classes * int(counts.get(k, 1))) for k in range(classes))


def _task(setup: Setup, pooling: str | None, max_length: int | None) -> Task:
    if pooling is None and setup.lecture:
        pooling = "last"
    if pooling is None and setup.robust:
        pooling = setup.robust.pooling
    if pooling is not None and pooling not in POOLINGS:
        raise SpamftError(f"{pooling=} must be one of {', '.join(POOLINGS)}")
    data, (gpt, tokenizer, *_) = setup.data, setup.pretrained
    splits = data.splits
    if setup.robust:
        splits = setup.robust.splits(splits, setup.seed)
    encoded = encode_splits(
        splits,
        tokenizer,
        gpt.config.context_length,
        max_length=max_length,
        fixed_width=pooling is not None and POOLINGS[pooling].fixed_width,
    )
    longest = encoded.train.max_length
    return Task(data.names, longest, pooling, splits, encoded, tokenizer)


def _notes_on_cuts(encoded: Splits, context: int) -> tuple[str, ...]:
    """How many messages the model does not read to their end, and what would help."""
    longest = encoded.train.max_length
    counts = ", ".join(
        f"{part.cut:,} of {len(part):,} {name}"
        for name, part in encoded._asdict().items()
        if part.cut
    )
    if not counts:
        return ()
    note = f"longer than {longest:,} tokens, and cut there: {counts} messages"
    if encoded.train.cut and longest == context < GPT2_CONTEXT:
        note += f"; --model gpt2 reads {GPT2_CONTEXT:,}"
    return (note,)


def _scored(classifier: nn.Module, df: pd.DataFrame, task: Task) -> Tensor:
    """(N, K) logits of messages with class ids."""
    return predict_in_order(classifier, dataset_for(classifier, df, task.tokenizer))


def _reports(logits: dict[str, Tensor], data: PreparedData) -> dict:
    labels = {
        name: torch.tensor(part["Label"].tolist())
        for name, part in data.splits._asdict().items()
    }
    return {name: report(logits[name], labels[name]) for name in logits}


def _opened(
    data: str | Path | PreparedData, lecture: bool, log: Log | None
) -> PreparedData:
    if not isinstance(data, PreparedData):
        data = open_splits(data, lecture=lecture, progress=_on_terminal(log))
    elif lecture and not data.lecture:
        raise SpamftError("lecture=True needs data opened with lecture=True, too")
    repeated = data.leaks["test"]["folded"]
    _tell(log, f"data: {data}; {repeated} of the test messages also occur in train")
    for note in data.notes:
        _tell(log, f"note: {note}")
    return data


def _tell(log: Log | None, line: str) -> None:
    if log:
        log(line)


def _on_terminal(log: Log | None) -> bool:
    return log is not None and sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Note how long the block takes."""
    began = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - began, 3)
