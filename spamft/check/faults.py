"""One training, healthy or spoilt by one fault, so that a learner can find out which.

    healthy = prepare(data, opened)         the trunk has run: what is left is quick
    run = learn(FAULTS[3](healthy))         the third fault, trained
    print(show(run, data.names))            what the learner sees beside the curves

A fault is a function: a healthy setup -> one in which a single thing is wrong. The loop
is the by-hand loop of notebook 7, with two places where it can be spoilt.
"""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.batches import encode_splits, make_loader
from spamft.evaluate import Report, predict, report
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.plumbing.display import brief
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData
from spamft.train import Record
from spamft.trunk import HiddenDataset, TrainablePart, cache_trunk

__all__ = ["FAULTS", "Part", "Run", "Setup", "learn", "prepare", "show"]

SEED = 123


class Part(NamedTuple):
    """Messages, and what the frozen blocks gave for them."""

    texts: list[str]
    hidden: HiddenDataset

    def take(self, rows: Sequence[int]) -> "Part":
        """These rows, in this order."""
        given = self.hidden
        columns = (given.rows, given.real_lengths, given.labels)
        data = HiddenDataset(*([column[i] for i in rows] for column in columns))
        return Part([self.texts[i] for i in rows], data)

    def __add__(self, other: "Part") -> "Part":
        pairs = zip(
            vars(self.hidden).values(), vars(other.hidden).values(), strict=True
        )
        data = HiddenDataset(*([*one, *two] for one, two in pairs))
        return Part(self.texts + other.texts, data)


class Setup(NamedTuple):
    """All that a training needs. The defaults are those of a sound one."""

    start: TrainablePart
    train: Part
    validation: Part
    test: Part
    lr: float = 1e-3
    epochs: int = 4
    reset: bool = True  # the gradients, before each batch
    sober: bool = True  # evaluates in evaluation mode
    dropout: float = 0.0


class Run(NamedTuple):
    """What came of a setup."""

    setup: Setup
    history: list[Record]
    test: Report
    again: Report  # of the same test part, once more
    chances: Tensor  # (N, K) what the model gives to each test message


def prepare(data: PreparedData, opened: Pretrained, few: int = 160) -> Setup:
    """The last block's training on the first `few` messages; the trunk runs once."""
    parts = data.splits._replace(train=data.splits.train[:few])
    encoded = encode_splits(parts, opened.tokenizer, opened.gpt.config.context_length)
    task = Task(data.names, encoded.train.max_length)
    model = METHODS["last_block"].attach(opened.gpt, task, SEED)
    start, cached = cache_trunk(model, encoded)
    texts = [part["Text"].tolist() for part in parts]
    return Setup(start, *map(_part, texts, cached))


def _part(texts: list[str], cached: HiddenDataset) -> Part:
    rows = [cached[i] for i in range(len(cached))]
    return Part(texts, HiddenDataset(*map(list, zip(*rows, strict=True))))


def rate_too_small(setup: Setup) -> Setup:
    return setup._replace(lr=setup.lr / 100)


def labels_swapped(setup: Setup) -> Setup:
    """In the training part alone, as by a dictionary that was written twice."""
    texts, given = setup.train
    labels = [1 - label for label in given.labels]
    swapped = HiddenDataset(given.rows, given.real_lengths, labels)
    return setup._replace(train=Part(texts, swapped))


def evaluated_on_train(setup: Setup) -> Setup:
    return setup._replace(validation=setup.train, test=setup.train)


def rate_too_large(setup: Setup) -> Setup:
    return setup._replace(lr=setup.lr * 100)


def split_before_shuffle(setup: Setup) -> Setup:
    """All messages as they lay in the file, sorted by class, cut into the parts."""
    whole = setup.train + setup.validation + setup.test
    rows = sorted(range(len(whole.texts)), key=whole.hidden.labels.__getitem__)
    few = len(setup.train.texts)
    some = few + len(setup.validation.texts)
    cuts = {"train": rows[:few], "validation": rows[few:some], "test": rows[some:]}
    return setup._replace(**{name: whole.take(cut) for name, cut in cuts.items()})


def first_token_read(setup: Setup) -> Setup:
    """By a head that takes every message for one token long."""
    ones = {
        name: part._replace(
            hidden=HiddenDataset(
                part.hidden.rows, [1] * len(part.texts), part.hidden.labels
            )
        )
        for name, part in setup._asdict().items()
        if isinstance(part, Part)
    }
    return setup._replace(**ones)


def gradients_kept(setup: Setup) -> Setup:
    return setup._replace(reset=False)


def leak(setup: Setup) -> Setup:
    """Three of four test messages stand in the training part, too."""
    rows = [i for i in range(len(setup.test.texts)) if i % 4]
    return setup._replace(train=setup.train + setup.test.take(rows))


def dropout_left_on(setup: Setup) -> Setup:
    return setup._replace(dropout=0.3, sober=False)


FAULTS: dict[int, Callable[[Setup], Setup]] = {
    1: rate_too_small,
    2: labels_swapped,
    3: evaluated_on_train,
    4: rate_too_large,
    5: split_before_shuffle,
    6: first_token_read,
    7: gradients_kept,
    8: leak,
    9: dropout_left_on,
}


def learn(setup: Setup) -> Run:
    """Train a copy of `setup.start`, which is left as it was."""
    model = copy.deepcopy(setup.start)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = setup.dropout
    trains = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trains, lr=setup.lr, weight_decay=0.1)
    loader = make_loader(setup.train.hidden, 8, shuffle=True, seed=SEED)
    torch.manual_seed(SEED)  # of dropout
    history = []
    for epoch in range(1, setup.epochs + 1):
        model.train()
        losses, right = [], 0
        for *inputs, labels in loader:
            if setup.reset:
                optimizer.zero_grad()
            logits = model(*inputs)
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            right += (logits.argmax(-1) == labels).sum().item()
        seen = report(*_predict(model, setup, setup.validation))
        count = len(setup.train.texts)
        record = Record(
            epoch=float(epoch),
            step=epoch * len(loader),
            examples=epoch * count,
            lr=setup.lr,
            train_loss=sum(losses) / len(losses),
            train_accuracy=right / count,
            validation_loss=seen.loss,
            validation_accuracy=seen.accuracy,
        )
        history.append(record)
    first, again = (_predict(model, setup, setup.test) for _ in range(2))
    return Run(setup, history, report(*first), report(*again), first[0].softmax(-1))


def _predict(model: nn.Module, setup: Setup, part: Part) -> tuple[Tensor, Tensor]:
    loader = make_loader(part.hidden, 32)
    if setup.sober:
        return predict(model, loader)
    with torch.no_grad():  # in training mode, where dropout drops
        pairs = [(model(*inputs), labels) for *inputs, labels in loader]
    logits, labels = zip(*pairs, strict=True)
    return torch.cat(logits), torch.cat(labels)


def show(run: Run, names: Sequence[str], most: int = 3) -> str:
    """The report of a run, and the test messages on which it is wrong and surest."""
    last = run.history[-1]
    lines = [
        f"train:      {last.train_accuracy:.1%}, loss {last.train_loss:.3f}",
        f"validation: {last.validation_accuracy:.1%}, loss {last.validation_loss:.3f}",
        f"test:       {run.test.accuracy:.1%}, loss {run.test.loss:.3f}; "
        f"once more: {run.again.accuracy:.1%}, loss {run.again.loss:.3f}",
    ]
    for name, each in zip(names, run.test.classes, strict=True):
        lines.append(f"  {each.support} {name}, {each.recall:.0%} of them found")
    labels = torch.tensor(run.setup.test.hidden.labels)
    wrong = (run.chances.argmax(-1) != labels).nonzero().flatten().tolist()
    sure, predicted = run.chances.max(-1)
    for i in sorted(wrong, key=lambda i: -sure[i])[:most]:
        text = brief(run.setup.test.texts[i], 46)
        lines.append(
            f"  {names[labels[i]]} as {names[predicted[i]]} {sure[i]:.2f}: {text}"
        )
    return "\n".join(lines)
