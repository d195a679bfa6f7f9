import json

import pandas as pd

from spamft.insight.estimate import Counted
from spamft.insight.place_effects import (
    Moved,
    PlaceEffect,
    Shift,
    Sides,
    show_alone,
    show_places,
)
from spamft.insight.shortcuts import place_table

EVIL = "\x1b[2Jwin\nnow\u202e"
NONE = Shift(Moved(Counted(0, 0), 0.0), Moved(Counted(0, 0), 0.0))
SOME = Shift(Moved(Counted(15, 20), -0.42), Moved(Counted(3, 20), 0.011))
FEW = Shift(Moved(Counted(0, 4), 0.0), Moved(Counted(1, 4), -0.3))


def effect(place="ends with: number", label="spam", added=(SOME, FEW)) -> PlaceEffect:
    return PlaceEffect(place, label, Sides(*added), Sides(NONE, FEW))


TWO = [effect("begins with: number"), effect()]


def test_the_table_has_a_heading_per_place_and_a_row_per_feature():
    lines = show_places(TWO).splitlines()
    headings = [line for line in lines if line.endswith((": added", ": removed"))]
    places = ["begins with: ", "ends with: "]
    assert headings == [p + what for what in ("added", "removed") for p in places]
    row = lines[lines.index("ends with: added") + 1]
    assert row.startswith("  number") and "75 (53-89)" in row and "-42 / +1" in row
    assert row.split()[3:5] == ["15", "20"]  # the control, and of how many


def test_of_no_message_there_is_no_share_and_no_row():
    lines = show_places(TWO).splitlines()
    row = lines[lines.index("ends with: removed") + 1]
    assert row.split()[1:5] == ["-", "-", "0", "-"]
    nothing = PlaceEffect("ends with: x", "spam", Sides(NONE, NONE), Sides(NONE, NONE))
    assert "ends with" not in show_places([nothing])
    assert show_places([]) == "no beginning or ending was tried"


def test_the_table_reads_well_at_100_columns():
    full = Shift(Moved(Counted(999, 999), -1.0), Moved(Counted(999, 999), -0.99))
    wide = [effect("begins with: word in capitals", "x" * 90, (full, full))]
    assert max(map(len, show_places(wide).splitlines())) <= 100


def test_one_effect_is_told_in_words():
    lines = str(effect()).splitlines()
    assert lines[0] == "ends with: number" and len(lines) == 4
    assert lines[1].startswith(
        "  added to spam: 15 of 20 predictions change, 75 % (95 % int"
    )
    assert "harmless words 3" in lines[1] and "-42 / +1 points" in lines[1]
    assert [line.partition(":")[0] for line in lines[2:]] == [
        *("  added to others", "  removed from others")
    ]


def test_json_holds_all_of_it():
    stored = json.loads(json.dumps(effect().to_dict()))
    assert (stored["place"], stored["label"]) == ("ends with: number", "spam")
    change = stored["added"]["own"]["change"]
    assert (change["count"], change["of"], change["rise"]) == (15, 20, -0.42)
    assert change["share"] == 0.75
    assert change["interval"] == list(SOME.change.changed.estimate[1:])
    assert stored["added"]["own"]["control"]["count"] == 3
    assert stored["removed"]["own"]["change"]["interval"] == [0.0, 1.0]


def test_no_name_of_strangers_acts():
    for text in (show_places([effect(label=EVIL)]), str(effect(label=EVIL))):
        assert not set("\x1b\u202e") & set(text)
    assert len(show_places([effect(label=EVIL)]).splitlines()) == len(
        show_places([effect()]).splitlines()
    )


def test_what_a_place_predicts_alone_is_counted_in_the_training_part():
    texts = ["see a-1.example", "now 5", "at 7", "or 9!"]
    df = pd.DataFrame({"Label": ["spam", "spam", "ham", EVIL], "Text": texts})
    lines = show_alone(place_table(df), "spam").splitlines()
    assert lines[0].split() == ["spam", "others", "spam", "%"]
    assert lines[1] == "ends with" and lines[2].startswith("  web address ")
    assert lines[2].split()[2:5] == ["1", "0", "100"]
    assert lines[3].split()[:4] == ["number", "1", "1", "50"]
    assert "\x1b" not in show_alone(place_table(df), EVIL)


def test_a_class_that_the_training_part_lacks_has_no_messages_there():
    df = pd.DataFrame({"Label": ["bug", "praise"], "Text": ["why?", "so 5"]})
    row = show_alone(place_table(df), "sales").splitlines()[2]
    assert row.split()[:4] == ["number", "0", "1", "0"]
