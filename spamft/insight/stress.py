"""Is a model hard to fool? Edits that leave the meaning -> verdicts that turn.

    stress(model, tokenizer, test)                   -> Stress: a table, and the worst
    stress(model, tokenizer, test, training=train)   and with the good words of others

A message that the model gets right is written in another way, and counts if its verdict
turns. That could be said of any change, so the same message is changed once more, by
harmless words of the same length: the control.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import tiktoken
from torch import nn
from tqdm.auto import tqdm

from spamft.insight.edits import EDITS, KINDS, Edit, control, good_words
from spamft.insight.effects import Effect, Example, Stress, Turned
from spamft.insight.estimate import Counted
from spamft.use.predict import classify, classify_stream
from spamft.use.verdict import DecisionRule, Verdict, check_alarm

__all__ = ["stress", "watched_class"]

GOOD = "good words"  # the edit that is made of the training part
OTHER = "other edits"  # the kind of an edit that is not of the package
EXAMPLES = 3  # kept of each edit
CHUNK = 1024  # texts that are classified at a time


def stress(
    model: nn.Module,
    tokenizer: tiktoken.Encoding,
    df: pd.DataFrame,
    *,
    rule: DecisionRule = DecisionRule(),  # noqa: B008, it is frozen
    label: str | None = None,
    training: pd.DataFrame | None = None,
    edits: Mapping[str, Edit] = EDITS,
    seed: int = 123,
    progress: bool = False,
) -> Stress:
    """What each edit does to messages that the model predicts right, and its control.

    `df` has class ids for labels, as the parts of a run. Of the class `label` it is
    counted what was caught and escapes, of the others what becomes it; where no class
    is named, and `watched_class` knows none, whatever was right and becomes wrong. With
    the `training` part, whose labels are class ids too, good words are one more edit.
    Raises SpamftError for a `label` that is no class of the model.
    """
    names = model.label_names
    label = watched_class(names, rule, label)
    edits = dict(edits)
    if training is not None and label is not None:
        named = training["Label"].map(dict(enumerate(names)))
        edits[GOOD] = good_words(training.assign(Label=named), label)
    verdicts = classify(model, tokenizer, df["Text"].tolist(), rule)
    right = [names[k] for k in df["Label"]]
    messages = list(_watched(df["Text"], right, verdicts, label))
    trials = [
        t for name in _by_kind(edits) for t in _tried(name, edits, messages, seed)
    ]
    outcomes, cut = _classified(model, tokenizer, rule, trials, progress)
    effects = tuple(
        _effect(name, [o for o in outcomes if o.trial.edit == name], label)
        for name in _by_kind(edits)
    )
    caught, alarmed = _unedited(right, verdicts, label)
    return Stress(label, caught, alarmed, effects, 2 * len(trials), cut, seed)


def watched_class(
    names: Sequence[str], rule: DecisionRule, label: str | None = None
) -> str | None:
    """The class that must neither be missed nor predicted wrongly: `label` if given.

    Else that of the rule's threshold, else spam beside ham alone, else none. Raises
    SpamftError for a label that is no class.
    """
    if label is None and rule.threshold:
        label = rule.threshold.label
    if label is None and set(names) == {"ham", "spam"}:
        label = "spam"
    return None if label is None else names[check_alarm(names, label)]


class _Message(NamedTuple):
    """A message that the model got right."""

    text: str
    watched: str  # the class whose probability is compared
    own: bool  # it is of that class, and must stay so; else it must not become it
    before: float  # the probability

    def turned(self, verdict: Verdict) -> bool:
        """Whether this verdict is another than the message should get."""
        return self.own != (verdict.label == self.watched)

    def change(self, verdict: Verdict) -> float:
        """By how much the probability went the wrong way."""
        rise = verdict.probabilities[self.watched] - self.before
        return -rise if self.own else rise


class _Trial(NamedTuple):
    """An edit that changed a message."""

    edit: str
    message: _Message
    edited: str
    harmless: str  # the control


class _Outcome(NamedTuple):
    """What the model makes of both."""

    trial: _Trial
    edited: Verdict
    harmless: Verdict


def _watched(
    texts: Iterable[str],
    right: Sequence[str],
    verdicts: Sequence[Verdict],
    label: str | None,
) -> Iterator[_Message]:
    """The messages of the watched class that are caught, and the others that are not.

    Without one, all whose own class is predicted.
    """
    for text, own, verdict in zip(texts, right, verdicts, strict=True):
        watched = own if label is None else label
        if (own == watched) == (verdict.label == watched):
            before = verdict.probabilities[watched]
            yield _Message(text, watched, own == watched, before)


def _unedited(
    right: Sequence[str], verdicts: Sequence[Verdict], label: str | None
) -> tuple[Counted, Counted | None]:
    """How many messages are caught, and how many others raise an alarm."""
    pairs = [(own, v.label) for own, v in zip(right, verdicts, strict=True)]
    if label is None:
        return Counted(sum(own == found for own, found in pairs), len(pairs)), None
    caught = [found == label for own, found in pairs if own == label]
    alarmed = [found == label for own, found in pairs if own != label]
    return Counted(sum(caught), len(caught)), Counted(sum(alarmed), len(alarmed))


def _tried(
    name: str, edits: Mapping[str, Edit], messages: Iterable[_Message], seed: int
) -> Iterator[_Trial]:
    """The messages that the edit changes."""
    for message in messages:
        # a source of its own: other edits and other messages change nothing here
        draw = random.Random(f"{seed} {name} {message.text}")
        edited = edits[name](message.text, draw)
        if edited != message.text:
            harmless = control(message.text, edited, draw)
            yield _Trial(name, message, edited, harmless)


def _classified(
    model: nn.Module,
    tokenizer: tiktoken.Encoding,
    rule: DecisionRule,
    trials: Sequence[_Trial],
    progress: bool,
) -> tuple[list[_Outcome], int]:
    """All texts in one stream, in which none is classified twice; how many were cut."""
    texts, cut = [text for t in trials for text in (t.edited, t.harmless)], []
    verdicts = classify_stream(
        model, tokenizer, texts, rule, chunk_size=CHUNK, on_cut=cut.append
    )
    bar = tqdm(desc="stress", total=len(texts), unit="text", disable=not progress)
    outcomes = []
    with bar:
        for trial in trials:
            outcomes.append(_Outcome(trial, next(verdicts), next(verdicts)))
            bar.update(2)
    return outcomes, sum(cut)


def _effect(name: str, outcomes: Sequence[_Outcome], label: str | None) -> Effect:
    own = [o for o in outcomes if o.trial.message.own]
    others = [o for o in outcomes if not o.trial.message.own]
    alarms = None if label is None else _turned(others)
    return Effect(name, _kind(name), _turned(own), alarms)


def _turned(outcomes: Sequence[_Outcome]) -> Turned:
    edited = [o for o in outcomes if o.trial.message.turned(o.edited)]
    harmless = [o for o in outcomes if o.trial.message.turned(o.harmless)]
    worst = sorted(edited, key=lambda o: -o.trial.message.change(o.edited))
    return Turned(
        Counted(len(edited), len(outcomes)),
        Counted(len(harmless), len(outcomes)),
        tuple(map(_example, worst[:EXAMPLES])),
    )


def _example(outcome: _Outcome) -> Example:
    message, verdict = outcome.trial.message, outcome.edited
    return Example(
        message.text,
        outcome.trial.edited,
        message.watched,
        message.before,
        verdict.probabilities[message.watched],
        verdict.shown,
    )


def _by_kind(edits: Iterable[str]) -> list[str]:
    """The names of edits of one kind next to each other; unknown ones last."""
    kinds = [*KINDS, OTHER]
    return sorted(edits, key=lambda name: kinds.index(_kind(name)))


def _kind(name: str) -> str:
    if name == GOOD:
        return "words"
    return next((kind for kind, edits in KINDS.items() if name in edits), OTHER)
