"""What edits do to models that decide by a rule which the test knows."""

import random
from collections.abc import Callable

import pandas as pd
import pytest
from made_models import NAMES, Rule

from spamft.classifier import GPTClassifier
from spamft.insight.edits import EDITS, control
from spamft.insight.effects import Effect, Stress
from spamft.insight.stress import stress, watched_class
from spamft.plumbing.errors import SpamftError
from spamft.use.predict import classify
from spamft.use.verdict import DecisionRule, Threshold

THREE = ("billing", "bug", "praise")
SPAM = [f"Win cash {word} today! see prize-city.example" for word in ("A1", "b2", "c")]
HAM = [f"See you at {word} 5, mum" for word in ("Home", "the bus", "school")]


def has(word: str) -> Callable[[str], float]:
    return lambda text: 2.0 if word in text.lower() else -2.0


def messages(spam=SPAM, ham=HAM) -> pd.DataFrame:
    labels = [1] * len(spam) + [0] * len(ham)
    return pd.DataFrame({"Label": labels, "Text": [*spam, *ham]})


def by_name(found: Stress) -> dict[str, Effect]:
    return {effect.edit: effect for effect in found.effects}


@pytest.fixture
def reader(tokenizer) -> Rule:
    return Rule(tokenizer, has("cash"))


def test_a_model_that_ignores_case_is_not_fooled_by_it(reader, tokenizer):
    found = by_name(stress(reader, tokenizer, messages()))
    for name in ("capitals", "lower case"):
        assert found[name].escapes.edit.of == 3 and not found[name].escapes.edit.count
    assert found["look-alike letters"].escapes.edit.count == 3


def test_a_model_that_reads_the_last_character_is_fooled_by_endings_only(tokenizer):
    def score(text):
        return 2.0 if text.rstrip()[-1:] == "7" else -2.0

    spam = [f"Win 500 cash. {word} is here, ring 07" for word in ("One", "Two", "Six")]
    last = Rule(tokenizer, score)
    found = by_name(stress(last, tokenizer, messages(spam)))
    turned = {name for name, effect in found.items() if effect.escapes.edit.count}
    ends = {"a full stop at the end", "thanks at the end", "numbers in words"}
    assert ends <= turned <= ends | {"sentences shuffled"}
    assert found["thanks at the end"].escapes.control.count == 3  # stands there too
    assert not found["a greeting in front"].escapes.control.count


def test_only_messages_that_an_edit_changes_are_counted(reader, tokenizer):
    edits = {
        "nothing": lambda text, draw: text,
        "where there is an A": lambda text, draw: text.replace("A1", "cold"),
    }
    found = by_name(stress(reader, tokenizer, messages(), edits=edits))
    assert found["nothing"].escapes.edit.of == found["nothing"].alarms.edit.of == 0
    assert found["where there is an A"].escapes.edit.of == 1


def test_counts_are_those_of_a_plain_loop(tiny_gpt, tokenizer):
    """Each text is classified alone, and both columns are counted by hand."""
    model = GPTClassifier(tiny_gpt).eval()
    df = pd.DataFrame({"Text": [*SPAM, *HAM]})
    before = classify(model, tokenizer, df["Text"])
    df["Label"] = [NAMES.index(v.label) for v in before]
    df.loc[0, "Label"] = 1 - df.loc[0, "Label"]  # one that is predicted wrong
    edits = {name: EDITS[name] for name in ("leetspeak", "thanks at the end")}
    found = stress(model, tokenizer, df, edits=edits, seed=5)
    for effect in found.effects:
        counts = {column: [0, 0, 0] for column in ("escapes", "alarms")}
        for own, text in df[["Label", "Text"]][1:].itertuples(index=False):
            draw = random.Random(f"5 {effect.edit} {text}")
            edited = edits[effect.edit](text, draw)
            harmless = control(text, edited, draw)
            after = [classify(model, tokenizer, t).label for t in (edited, harmless)]
            turned = [label != NAMES[own] for label in after]
            cell = counts["escapes" if own else "alarms"]
            for k, more in enumerate((*turned, True)):
                cell[k] += more
        for column, (edit, harmless, of) in counts.items():
            turned = getattr(effect, column)
            assert (turned.edit.count, turned.edit.of) == (edit, of)
            assert (turned.control.count, turned.control.of) == (harmless, of)


def test_the_same_seed_gives_the_same_table_and_one_edit_less_changes_no_other(
    reader, tokenizer
):
    one, again = (stress(reader, tokenizer, messages(), seed=3) for _ in range(2))
    assert one == again and one.table().equals(again.table())
    turned = stress(reader, tokenizer, messages()[::-1], seed=3)
    assert turned.table().equals(one.table())
    fewer = {name: edit for name, edit in EDITS.items() if name != "capitals"}
    less = by_name(stress(reader, tokenizer, messages(), edits=fewer, seed=3))
    assert less == {k: v for k, v in by_name(one).items() if k != "capitals"}


def test_the_other_column_is_what_becomes_the_class(reader, tokenizer):
    edits = {"an offer": lambda text, draw: f"cash? {text}"}
    [effect] = stress(reader, tokenizer, messages(), edits=edits).effects
    assert effect.alarms.edit.count == effect.alarms.edit.of == 3
    assert not effect.escapes.edit.count and not effect.alarms.control.count
    [worst, *_] = effect.alarms.examples
    assert worst.label == "spam" and worst.after > 0.5 > worst.before
    assert worst.edited == f"cash? {worst.text}"


def test_the_worst_example_is_the_largest_change(tokenizer):
    model = Rule(tokenizer, lambda text: len(text) - 5.5)
    spam = ["x" * n for n in (6, 9, 8)]
    edits = {"cut": lambda text, draw: text[:3]}
    [effect] = stress(model, tokenizer, messages(spam), edits=edits).effects
    changes = [each.before - each.after for each in effect.escapes.examples]
    assert changes == sorted(changes, reverse=True)
    assert [len(each.text) for each in effect.escapes.examples] == [9, 8, 6]


@pytest.mark.parametrize("label", [None, "bug"])
def test_any_number_of_classes_is_stressed(tiny_gpt, tokenizer, label):
    model = GPTClassifier(tiny_gpt, THREE).eval()
    texts = [*SPAM, *HAM, "a", "bb", "ccc"]
    labels = [THREE.index(v.label) for v in classify(model, tokenizer, texts)]
    labels[0] = (labels[0] + 1) % 3
    df = pd.DataFrame({"Label": labels, "Text": texts})
    found = stress(model, tokenizer, df, label=label, training=df)
    assert found.label == label and str(found)
    assert ("alarms" in found.table()) == (label is not None)
    if label is None:
        assert (found.caught.count, found.caught.of) == (8, 9)
        assert by_name(found)["a greeting in front"].escapes.edit.of == 8
    else:
        assert found.caught.of + found.alarmed.of == 9
        assert "good words" in by_name(found)


def test_good_words_are_those_of_the_training_part(tokenizer):
    training = messages(SPAM * 3, ["tea with mum"] * 9)
    model = Rule(tokenizer, lambda text: -2.0 if "mum" in text else 2.0)
    found = stress(model, tokenizer, messages(), training=training)
    good = by_name(found)["good words"]
    assert good.kind == "words" and good.escapes.edit.count == 3
    assert "good words" not in by_name(stress(model, tokenizer, messages()))


def test_unsure_counts_as_escaped_and_is_no_alarm(tokenizer):
    model = Rule(tokenizer, lambda text: 4.0 if "cash" in text else 0.5)
    careful = DecisionRule(threshold=Threshold("spam", 0.9))
    edits = {"no cash": lambda text, draw: f"{text} ".replace("cash", "c a s h")}
    found = stress(model, tokenizer, messages(), rule=careful, edits=edits)
    [effect] = found.effects
    assert effect.escapes.edit.count == 3 and not effect.alarms.edit.count
    assert {each.label for each in effect.escapes.examples} == {"unsure"}
    assert found.alarmed.count == 0 and effect.alarms.edit.of == 3


def test_the_class_is_the_one_named_then_the_thresholds_then_spam():
    rule = DecisionRule(threshold=Threshold("bug", 0.9))
    assert watched_class(THREE, rule) == "bug"
    assert watched_class(THREE, rule, "praise") == "praise"
    assert watched_class(("spam", "ham"), DecisionRule()) == "spam"
    assert watched_class(THREE, DecisionRule()) is None
    assert watched_class(("no", "yes"), DecisionRule()) is None
    with pytest.raises(SpamftError, match="no class 'eggs'"):
        watched_class(THREE, rule, "eggs")


@pytest.mark.parametrize("df", [messages([], []), messages([], HAM), messages(HAM, [])])
def test_where_no_message_is_caught_it_says_so(reader, tokenizer, df):
    found = stress(reader, tokenizer, df, training=df)
    assert not found.caught.count and "nothing can escape" in str(found)
    assert {effect.escapes.edit.of for effect in found.effects} == {0}


def test_edits_of_ones_own_stand_at_the_end(reader, tokenizer):
    edits = {"mine": lambda text, draw: text + "!"} | dict(EDITS)
    found = stress(reader, tokenizer, messages(), edits=edits)
    kinds = list(dict.fromkeys(effect.kind for effect in found.effects))
    assert found.effects[-1].edit == "mine" and len(kinds) == 6
    assert [e.kind for e in found.effects] == sorted(
        (e.kind for e in found.effects), key=kinds.index
    )


def test_edited_texts_that_are_cut_are_counted(reader, tokenizer):
    reader.max_length = 30
    found = stress(reader, tokenizer, messages(["cash now"], ["hi"]))
    long = {"long": lambda text, draw: text + " x" * 30}
    cut = stress(reader, tokenizer, messages(["cash now"], ["hi"]), edits=long)
    assert found.cut == 0 or found.cut < found.texts
    assert cut.cut == cut.texts == 4  # the controls are as long


def test_hostile_messages_are_inert(reader, tokenizer):
    spam = ["cash \x1b[2J\u202e\n" * 3, "cash\r\nham: 5", "a" * 50 + " cash"]
    found = stress(reader, tokenizer, messages(spam))
    assert not set("\x1b\u202e\r") & set(str(found))
