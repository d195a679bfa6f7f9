"""Beginnings and endings, changed for models that decide by a rule the test knows."""

import random
from collections.abc import Callable

import pandas as pd
import pytest
import torch
from made_models import NAMES, Rule

from spamft.classifier import GPTClassifier
from spamft.insight.estimate import Counted
from spamft.insight.patterns import PLACES
from spamft.insight.place_changes import CHANGES
from spamft.insight.place_effects import PlaceEffect
from spamft.insight.places import shift_by_place
from spamft.plumbing.errors import SpamftError
from spamft.use.predict import classify
from spamft.use.verdict import DecisionRule, Threshold

THREE = ("billing", "bug", "praise")
SPAM = ["Win cash, see gold-bag.example", "cash! ring 07700 900123", "£5 cash now"]
HAM = ["see you at home", "Home at 5?", "WHERE are you!", "gold-bag.example is on"]


def holds(name: str) -> Callable[[str], float]:
    return lambda text: 2.0 if PLACES[name].holds(text) else -2.0


def messages(spam=SPAM, ham=HAM) -> pd.DataFrame:
    labels = [1] * len(spam) + [0] * len(ham)
    return pd.DataFrame({"Label": labels, "Text": [*spam, *ham]})


def shifted(model, tokenizer, df, **options) -> dict[str, PlaceEffect]:
    label = model.label_names[-1]
    found = shift_by_place(model, tokenizer, df, label, **options)
    return {effect.place: effect for effect in found}


def counts(effect: PlaceEffect) -> list[tuple[int, int, int]]:
    """(messages, predictions that change, the control's), of all four shifts."""
    shifts = [*effect.added, *effect.removed]
    return [(s.of, s.change.changed.count, s.control.changed.count) for s in shifts]


def test_a_model_that_reads_the_end_moves_for_the_end_and_not_for_the_beginning(
    tokenizer,
):
    model = Rule(tokenizer, lambda text: 2.0 if text[-1:] in "est" else -2.0)
    df = messages(["win a lot", "cash prize"], ["come home", "be in a boat"])
    found = shifted(model, tokenizer, df)
    for name, effect in found.items():
        moved = any(shift.change.changed.count for shift in effect.added)
        assert moved == name.startswith("ends"), name
        if name.startswith("begins"):
            rises = [s.control.rise for s in (*effect.added, *effect.removed)]
            assert not any(rises)


def test_a_model_that_reads_the_beginning_moves_for_the_beginning_alone(tokenizer):
    found = shifted(
        Rule(tokenizer, holds("begins with: number")), tokenizer, messages()
    )
    effect = found["begins with: number"]
    assert effect.added.others.change.changed == Counted(4, 4)
    assert effect.added.others.control.changed.count == 0
    assert not any(
        changed or control
        for name, each in found.items()
        for _, changed, control in counts(each)
        if name.startswith("ends")
    )


@pytest.mark.parametrize("name", CHANGES)
def test_a_model_that_reads_one_place_moves_whenever_that_is_changed(tokenizer, name):
    effect = shifted(Rule(tokenizer, holds(name)), tokenizer, messages())[name]
    for of, changed, control in counts(effect):
        assert (changed, control) == (of, 0)
    full = 2 * torch.tensor(2.0).sigmoid().item() - 1
    for sign, sides in ((1, effect.added), (-1, effect.removed)):
        for shift in sides:
            expected = sign * full if shift.of else 0
            assert shift.change.rise == pytest.approx(expected, abs=1e-6)
            assert shift.control.rise == pytest.approx(0, abs=1e-6)


def test_each_message_is_changed_where_it_can_be_and_counted_once(tokenizer):
    df = messages(["win cash"], ["see you!", "call 5", "what?"])
    found = shifted(Rule(tokenizer, len), tokenizer, df)
    sizes = [of for of, _, _ in counts(found["ends with: full stop"])]
    assert sizes == [1, 1, 0, 0]  # behind another mark nobody writes one
    sizes = [of for of, _, _ in counts(found["ends with: number"])]
    assert sizes == [1, 2, 0, 1]


def test_the_counts_are_those_of_a_plain_loop(tiny_gpt, tokenizer):
    model, df = GPTClassifier(tiny_gpt, NAMES).eval(), messages()
    found, rule = shifted(model, tokenizer, df, seed=5), DecisionRule()
    for name, effect in found.items():
        change, seen = CHANGES[name], {}
        for own, text in df.itertuples(index=False):
            draw, had = random.Random(f"5 {name} {text}"), PLACES[name].holds(text)
            after = change.remove(text) if had else change.add(text, draw)
            if after != text:
                words = change.harmless(text, after, draw)
                trio = classify(model, tokenizer, [text, after, words], rule)
                seen.setdefault((had, own), []).append(trio)
        for (had, own), trios in seen.items():
            shift = (effect.removed if had else effect.added)[1 - own]
            for k, moved in ((1, shift.change), (2, shift.control)):
                turned = sum(t[0].label != t[k].label for t in trios)
                assert moved.changed == Counted(turned, len(trios))
                rises = [
                    t[k].probabilities["spam"] - t[0].probabilities["spam"]
                    for t in trios
                ]
                assert moved.rise == pytest.approx(sum(rises) / len(trios), abs=1e-6)


def test_each_class_is_counted_against_all_others(tokenizer):
    model = Rule(tokenizer, holds("ends with: exclamation mark"), THREE)
    df = pd.DataFrame({"Label": [0, 1, 2, 2], "Text": ["a b", "c d", "e f", "g h!"]})
    effect = shifted(model, tokenizer, df)["ends with: exclamation mark"]
    assert counts(effect) == [(1, 1, 0), (2, 2, 0), (1, 1, 0), (0, 0, 0)]
    assert effect.label == "praise"


def test_the_rule_makes_the_predictions(tokenizer):
    model = Rule(tokenizer, lambda text: 2.0 if text[-1:] == "!" else 0.5)
    careful = DecisionRule(threshold=Threshold("spam", 0.8))
    df = messages(["win cash"], [])
    for rule, changed in ((DecisionRule(), 0), (careful, 1)):  # unsure, and then spam
        effect = shifted(model, tokenizer, df, rule=rule)["ends with: exclamation mark"]
        assert effect.added.own.change.changed.count == changed
        assert effect.added.own.change.rise > 0.2


def test_the_same_seed_makes_the_same_changes_in_any_order(tiny_gpt, tokenizer):
    model, df = GPTClassifier(tiny_gpt, NAMES).eval(), messages()
    one, again = (shifted(model, tokenizer, df, seed=3) for _ in range(2))
    assert one == again
    turned = shifted(model, tokenizer, df[::-1], seed=3)
    assert [counts(e) for e in turned.values()] == [counts(e) for e in one.values()]


@pytest.mark.parametrize(
    "texts", [[], [""], [" \n"], ["gold-bag.example"], ["5"], ["!"], ["\x1b[2J"]]
)
def test_any_texts_can_be_tried(tiny_gpt, tokenizer, texts):
    model = GPTClassifier(tiny_gpt, NAMES).eval()
    found = shifted(model, tokenizer, messages(texts, []))
    assert list(found) == list(CHANGES)
    assert all(s.of == 0 for e in found.values() for s in (e.added.others,))


def test_a_label_that_is_no_class_is_refused(tiny_gpt, tokenizer):
    model = GPTClassifier(tiny_gpt, NAMES)
    with pytest.raises(SpamftError, match="no class 'eggs' to watch: one of ham, spam"):
        shift_by_place(model, tokenizer, messages(), "eggs")
