import json
import random

import pytest

from spamft.insight.effects import Effect, Example, Stress, Turned
from spamft.insight.estimate import Counted

EVIL = "\x1b[2Jwin\nnow\u202e"


def turned(count: int, of: int = 20, control: int = 0, *examples: Example) -> Turned:
    return Turned(Counted(count, of), Counted(control, of), examples)


def example(text: str = "win", edited: str = "w1n", label: str = "ham") -> Example:
    return Example(text, edited, "spam", 0.9, 0.2, label)


def found(*effects: Effect, label: str | None = "spam", cut: int = 0) -> Stress:
    alarmed = None if label is None else Counted(2, 30)
    return Stress(label, Counted(20, 25), alarmed, effects, 80, cut, 123)


TWO = found(
    Effect("leetspeak", "characters", turned(15, 20, 3), turned(1, 28)),
    Effect("link in front", "links", turned(2, 4), turned(0, 0)),
)


def test_the_table_names_edits_under_their_kinds_with_share_and_interval():
    lines = str(TWO).splitlines()
    [row] = [line for line in lines if line.startswith("  leetspeak")]
    assert "75 (53-89)" in row and "15 (5-36)" in row and "4 (1-18)" in row
    kinds = [line for line in lines if line in ("characters", "links")]
    assert kinds == ["characters", "links"]
    assert len({line.rindex("(") for line in lines if line.startswith("  l")}) < 3


def test_of_no_message_there_is_no_share():
    [row] = [x for x in str(TWO).splitlines() if x.startswith("  link in front")]
    assert row.split()[-3:] == ["-", "0", "-"]
    assert TWO.table()["alarms"].isna().tolist() == [False, True]


def test_the_table_reads_well_at_100_columns():
    names = "no punctuation at the end", "sentences shuffled", "cut at 160 characters"
    worst = [
        example("x" * 300, "y" * random.Random(n).randrange(300)) for n in range(3)
    ]
    wide = [
        Effect(name, "characters", turned(999, 999, 999, *worst), turned(999, 999))
        for name in names
    ]
    assert max(map(len, str(found(*wide, cut=5)).splitlines())) <= 100


def test_json_holds_the_counts_of_the_text_and_every_example():
    effect = Effect("capitals", "x", turned(5, 20, 2, *[example()] * 3), turned(1, 9))
    stored = json.loads(json.dumps(found(effect).to_dict()))
    [edit] = stored["edits"]
    assert (edit["escapes"]["count"], edit["escapes"]["of"]) == (5, 20)
    assert edit["escapes"]["control"]["count"] == 2
    assert edit["alarms"]["share"] == 1 / 9 and stored["caught"]["count"] == 20
    assert len(edit["escapes"]["examples"]) == 3
    assert edit["escapes"]["examples"][0]["edited"] == "w1n"


def test_the_strongest_edits_come_first_by_what_chance_cannot_explain():
    sure = Effect("sure", "x", turned(50, 100), turned(0, 9))
    alarm = Effect("alarm", "x", turned(0, 9), turned(70, 100))
    lucky = Effect("lucky", "x", turned(1, 1), turned(0, 9))
    idle = Effect("idle", "x", turned(0, 100), turned(0, 9))
    order = [effect.edit for effect in found(lucky, idle, sure, alarm).strongest()]
    assert order == ["alarm", "sure", "lucky"]
    assert "no edit turns a verdict" in str(found(idle))


def test_without_a_class_there_is_one_column():
    effect = Effect("capitals", "x", turned(5, 20), None)
    shown = str(found(effect, label=None))
    assert "becomes wrong" in shown and "escapes" not in shown
    assert [name for name in found(effect, label=None).table() if "alarm" in name] == []


def test_where_nothing_is_caught_it_says_so():
    effect = Effect("capitals", "x", turned(0, 0), turned(0, 0))
    none = Stress("spam", Counted(0, 0), Counted(0, 0), (effect,), 0, 0, 1)
    assert "nothing can escape" in str(none)


def test_texts_that_were_cut_are_counted():
    assert "7 of 80 edited texts are longer" in str(found(cut=7))


@pytest.mark.parametrize("edited", [EVIL, EVIL * 40, "x" * 200 + EVIL])
def test_no_text_and_no_name_of_strangers_acts(edited):
    def shown(name: str, text: str) -> str:
        worst = example("x" * 190, text, name)
        effect = Effect(name, name, turned(5, 20, 0, worst), turned(5))
        return str(found(effect, label=name))

    evil, harmless = shown(EVIL, edited), shown("name", "text")
    assert not set("\x1b\u202e") & set(evil)
    assert len(evil.splitlines()) == len(harmless.splitlines())


def test_of_a_long_message_the_piece_with_the_edit_is_shown():
    long = "word " * 60
    shown = str(example(long, f"{long}thanks"))
    assert shown.endswith("word thanks") and "…" in shown
    assert str(example(long, f"hi {long}")).partition("ham: ")[2].startswith("hi word")


def test_what_nobody_sees_is_shown_and_wide_letters_take_their_room():
    assert "w<U+200B>in" in str(example("win", "w\u200bin"))
    wide, narrow = str(example("x", "\uff57" * 99)), str(example("x", "w" * 99))
    assert wide.count("\uff57") <= narrow.count("w") / 2 + 1
