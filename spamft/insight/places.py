"""What a beginning or an ending does to a model's verdicts.

    found = shift_by_place(model, tokenizer, test, "spam", rule=rule)
    print(show_places(found))                  a table
    print(found[0]), found[0].to_dict()        one of them in words, and for JSON

Where a shortcut of the training messages stands at their end, a model that reads the
last token may have learned no more than that. So it is put there, and taken away.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
import tiktoken
from torch import nn

from spamft.insight.estimate import Counted
from spamft.insight.place_changes import CHANGES
from spamft.insight.place_effects import (
    Moved,
    PlaceEffect,
    Shift,
    Sides,
    show_places,
)
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.use.predict import classify
from spamft.use.verdict import DecisionRule, Verdict

__all__ = ["PlaceEffect", "shift_by_place", "show_places"]

# of one message: before the change, after it, and after the harmless one
_Moves = list[tuple[Verdict, Verdict, Verdict]]
_Key = tuple[str, bool, bool]  # place, whether added, whether of the watched class


class _Trial(NamedTuple):
    """A message that was changed at one place."""

    place: str
    added: bool  # or taken away
    row: int  # of the message
    changed: str
    harmless: str  # the control


def shift_by_place(
    model: nn.Module,
    tokenizer: tiktoken.Encoding,
    df: pd.DataFrame,
    label: str,
    *,
    rule: DecisionRule = DecisionRule(),  # noqa: B008, it is frozen
    seed: int = 123,
) -> list[PlaceEffect]:
    """What each beginning and ending, put there or taken away, does to predictions.

    `df` has class ids for labels, as the parts of a run. The messages of the class
    `label` and the others are counted apart; the probability is that of `label`. Raises
    SpamftError for a `label` that is no class of the model.
    """
    names = model.label_names
    if label not in names:
        known = brief(", ".join(names), 80)
        raise SpamftError(f"no class {brief(label)!r} to watch: one of {known}")
    texts = df["Text"].tolist()
    own = [names[k] == label for k in df["Label"]]
    trials = [trial for place in CHANGES for trial in _trials(place, texts, seed)]
    tried = [text for trial in trials for text in (trial.changed, trial.harmless)]
    verdicts = classify(model, tokenizer, [*texts, *tried], rule)
    before, after = verdicts[: len(texts)], iter(verdicts[len(texts) :])
    moves = defaultdict(list)
    for trial in trials:
        key = trial.place, trial.added, own[trial.row]
        moves[key].append((before[trial.row], next(after), next(after)))
    return [
        PlaceEffect(place, label, *(_sides(moves, place, k, label) for k in (1, 0)))
        for place in CHANGES
    ]


def _trials(place: str, texts: Sequence[str], seed: int) -> Iterator[_Trial]:
    """Of each text that can be changed there."""
    change = CHANGES[place]
    for row, text in enumerate(texts):
        # a source of its own: other places and other messages change nothing here
        draw = random.Random(f"{seed} {place} {text}")
        added = not change.place.holds(text)
        changed = change.add(text, draw) if added else change.remove(text)
        if changed != text:
            harmless = change.harmless(text, changed, draw)
            yield _Trial(place, added, row, changed, harmless)


def _sides(moves: Mapping[_Key, _Moves], place: str, added: bool, label: str) -> Sides:
    return Sides(*(_shift(moves[place, added, own], label) for own in (True, False)))


def _shift(moves: _Moves, label: str) -> Shift:
    return Shift(*(_moved(moves, k, label) for k in (1, 2)))


def _moved(moves: _Moves, k: int, label: str) -> Moved:
    """From the first verdicts to those at `k`."""
    pairs = [(each[0], each[k]) for each in moves]
    rises = [new.probabilities[label] - old.probabilities[label] for old, new in pairs]
    changed = sum(old.label != new.label for old, new in pairs)
    return Moved(Counted(changed, len(pairs)), sum(rises) / max(len(pairs), 1))
