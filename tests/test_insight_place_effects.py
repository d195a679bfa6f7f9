import json

import pytest
from scipy.stats import binomtest

from spamft.insight.place_effects import Moved, PlaceEffect, Shift, Sides, show_places

EVIL = "\x1b[2Jwin\nnow\u202e"
NONE = Shift(Moved(0, 0, 0.0), Moved(0, 0, 0.0))
SOME = Shift(Moved(15, 20, -0.42), Moved(3, 20, 0.011))
FEW = Shift(Moved(0, 4, 0.0), Moved(1, 4, -0.3))


def effect(place="ends with: number", label="spam", added=(SOME, FEW)) -> PlaceEffect:
    return PlaceEffect(place, label, Sides(*added), Sides(NONE, FEW))


TWO = [effect("begins with: number"), effect()]


@pytest.mark.parametrize(("changed", "of"), [(0, 9), (3, 9), (31, 2000)])
def test_the_interval_is_wilsons(changed, of):
    oracle = binomtest(changed, of).proportion_ci(method="wilson")
    assert Moved(changed, of, 0.1).interval == pytest.approx((oracle.low, oracle.high))


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
    full = Shift(Moved(999, 999, -1.0), Moved(999, 999, -0.99))
    wide = [effect("begins with: word in capitals", "x" * 90, (full, full))]
    assert max(map(len, show_places(wide).splitlines())) <= 100


def test_many_messages_show_tenths_of_a_percent():
    many = Shift(Moved(13, 5000, 0.0), Moved(0, 5000, 0.0))
    assert "0.3 (0.2-0.4)" in show_places([effect(added=(many, FEW))])


def test_one_effect_is_told_in_words():
    lines = str(effect()).splitlines()
    assert lines[0] == "ends with: number" and len(lines) == 4
    assert lines[1].startswith("  added to spam: 15 of 20 predictions change (95 % int")
    assert "harmless words 3" in lines[1] and "-42 / +1 points" in lines[1]
    assert [line.partition(":")[0] for line in lines[2:]] == [
        *("  added to others", "  removed from others")
    ]


def test_json_holds_all_of_it():
    stored = json.loads(json.dumps(effect().to_dict()))
    assert (stored["place"], stored["label"]) == ("ends with: number", "spam")
    change = stored["added"]["own"]["change"]
    assert (change["changed"], change["of"], change["rise"]) == (15, 20, -0.42)
    assert change["share"] == 0.75
    assert change["interval"] == list(SOME.change.interval)
    assert stored["added"]["own"]["control"]["changed"] == 3
    assert stored["removed"]["own"]["change"]["interval"] == [0.0, 1.0]


def test_no_name_of_strangers_acts():
    for text in (show_places([effect(label=EVIL)]), str(effect(label=EVIL))):
        assert not set("\x1b\u202e") & set(text)
    assert len(show_places([effect(label=EVIL)]).splitlines()) == len(
        show_places([effect()]).splitlines()
    )
