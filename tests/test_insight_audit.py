"""Planted faults are found, and clean data has none."""

import json
import os
import random
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_messages import clean

from spamft.data import Splits, encode_labels, read_messages
from spamft.insight.audit import audit, audit_file
from spamft.reading.layout import Layout
from spamft.sources import open_splits

SHARED = Path(__file__).parents[2] / "shared" / "data" / "uci_sms"
UCI_ZIP = Path(os.environ.get("SPAMFT_UCI_ZIP", SHARED / "sms+spam+collection.zip"))


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_nothing_is_found_on_clean_data(seed):
    found = audit(clean(seed=seed))
    assert found.exact_duplicates == found.near_duplicates == found.conflicts == 0
    assert not found.mojibake and not found.swallowed and not found.suspects
    patterns = [s.what for s in found.shortcuts if not s.what.startswith("'")]
    assert patterns == []
    assert found.length_rule < 0.75


def test_duplicates_are_counted_in_three_degrees():
    text = "the quick brown fox jumps over the lazy dog again and again"
    more = [text, text, text.upper() + "!!", text.replace("the quick", "one quick")]
    df = pd.concat([clean(100), pd.DataFrame({"Label": "ham", "Text": more})])
    found = audit(df)
    assert (found.exact_duplicates, found.folded_duplicates) == (1, 2)
    assert found.near_duplicates == 3


def test_duplicates_with_different_labels_are_a_conflict():
    twice = pd.DataFrame({"Label": ["ham", "spam"], "Text": "call me back please"})
    found = audit(pd.concat([clean(60), twice]))
    assert found.conflicts == 1
    assert "duplicates with conflicting labels  1 groups" in str(found)


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 12))
def test_a_planted_leak_is_counted_and_shown(leaked):
    df = encode_labels(clean(200))
    train, rest = df[:140].reset_index(drop=True), df[140:].reset_index(drop=True)
    test = pd.concat([rest[20:], train[:leaked]]).reset_index(drop=True)
    found = audit(clean(200), Splits(train, rest[:20], test))
    assert found.leaks["test"]["exact"] == leaked
    assert found.leak_examples == train["Text"][:leaked].tolist()[:5]
    assert f"test messages in train              {leaked} exact" in str(found)


def test_broken_encodings_are_found():
    df = clean(100)
    df.loc[7, "Text"] += " costs Â£5"
    df.loc[9, "Text"] += " caf\x92 bar"
    df.loc[11, "Text"] += " café, naïve, £5"  # as it should be
    assert audit(df).mojibake == [7, 9]


def test_a_swallowed_line_is_named(tmp_path):
    lines = [f"{label}\t{text}" for label, text in clean(60).to_numpy()]
    lines[10] = 'ham\t"never closed'
    lines[12] = 'ham\tsaid "that" once'
    found = audit_file(write(tmp_path / "m.tsv", lines))
    assert found.rows == 60 and found.read_by_pandas == 58
    [swallowed] = found.swallowed
    assert (swallowed.line, swallowed.lost, swallowed.begins) == (11, 2, "never closed")
    assert "line 11 swallows 2" in str(found)


def test_a_quotation_mark_that_never_closes_is_a_finding_and_no_error(tmp_path):
    lines = [f"{label}\t{text}" for label, text in clean(60).to_numpy()]
    lines[10] = 'ham\t"never closed'
    found = audit_file(write(tmp_path / "m.tsv", lines))
    assert (found.rows, found.read_by_pandas) == (60, 0)
    assert "never closes" in str(found)


def test_a_table_loses_nothing_to_quotation_marks(tmp_path):
    clean(60).to_csv(tmp_path / "m.csv", index=False)
    assert audit_file(tmp_path / "m.csv").read_by_pandas is None


def test_the_columns_of_a_table_can_be_named(tmp_path):
    df = clean(60).rename(columns={"Label": "kind", "Text": "body"})
    df.to_csv(tmp_path / "m.csv", index=False)
    layout = Layout(text="body", label="kind")
    assert audit_file(tmp_path / "m.csv", layout=layout).rows == 60


def test_it_reads_as_text_as_a_table_and_as_a_dict():
    df = clean(60)
    found = audit(df)
    assert str(found).startswith("rows ") and repr(found) == str(found)
    assert found._repr_html_().count("<tr>") == len(found.lines())
    assert found.to_dict()["exact_duplicates"] == 0


def test_the_command_prints_text_or_json(tmp_path, capsys):
    from spamft.cli.main import main

    clean(60).to_csv(tmp_path / "m.csv", index=False)
    assert main(["audit", str(tmp_path / "m.csv"), "--json"]) == 0
    assert '"exact_duplicates": 0' in capsys.readouterr().out
    assert main(["audit", str(tmp_path / "m.csv")]) == 0
    assert "test messages in train" in capsys.readouterr().out
    assert main(["audit", str(tmp_path / "nothing.csv")]) == 2


def test_a_single_label_cannot_be_audited():
    with pytest.raises(ValueError, match="two labels"):
        audit(clean(20).query("Label == 'ham'"))


def test_any_number_of_classes_is_audited():
    df = clean(90)
    df["Label"] = ["a", "b", "c"] * 30
    assert set(audit(df).classes) == {"a", "b", "c"}


@pytest.mark.skipif(not UCI_ZIP.exists(), reason="needs SPAMFT_UCI_ZIP")
def test_it_finds_what_is_known_of_the_collection():
    splits = open_splits(UCI_ZIP, lecture=True).splits
    found = audit_file(UCI_ZIP, splits)
    assert (found.read_by_pandas, found.rows) == (5572, 5574)
    assert [(s.line, s.lost) for s in found.swallowed] == [(5082, 2)]
    assert (found.exact_duplicates, found.folded_duplicates) == (403, 468)
    assert (found.near_duplicates, found.conflicts) == (607, 0)
    assert found.leaks["test"] == {"exact": 37, "folded": 49}
    counts = {s.what: s.counts for s in found.shortcuts}
    assert counts["HTML entity"] == {"ham": 309, "spam": 0}
    assert counts["run of 5 or more digits"] == {"ham": 3, "spam": 585}
    assert found.length_rule == pytest.approx(0.837, abs=0.0005)
    known = {751, 68, 2774, 2965, 4514, 4069, 2247, 1638, 1430, 2558, 955, 3360}
    known |= {1260, 5046, 4729, 2379, 4773, 180}
    assert len(known & {suspect.row for suspect in found.suspects[:50]}) >= 10


def test_rows_of_suspects_are_those_of_the_file(tmp_path):
    df = clean(200)
    df.loc[50, "Label"] = "spam"
    lines = [f"{label}\t{text}" for label, text in df.to_numpy()]
    path = write(tmp_path / "m.tsv", lines)
    suspect = audit_file(path).suspects[0]
    assert read_messages(path)["Text"][suspect.row] == suspect.text


def test_no_label_and_no_message_can_act_or_begin_a_line():
    df = clean(200)
    plain = len(str(audit(df)).split("\n"))
    df["Label"] = df["Label"].map({"ham": "h\nrows 9<img>", "spam": "\x1b[2J$$"})
    df.loc[3, "Label"] = df.loc[0, "Label"]
    df.loc[3, "Text"] += "\nrows  9\x1b[2J"
    found = audit(df)
    lines = str(found).split("\n")
    assert all(map(str.isprintable, lines))
    suspected = sum(line.startswith("suspect") for line in lines)
    assert len(lines) - suspected <= plain
    assert "<img" not in found._repr_html_() and "\x1b" not in found._repr_html_()


def test_an_ending_that_tells_the_label_is_named_though_ten_words_tell_it_better(
    tmp_path, capsys
):
    from spamft.cli.main import main

    words = "ant bee cat dog elk fox gnu hen ibis jay koi".split()  # noqa: SIM905
    df, draw = clean(200), random.Random(0)
    for row in df.index[df["Label"] == "spam"]:
        more = [word for word in words if draw.random() < 0.9]
        last = "gold-bag.example" if draw.random() < 0.8 else "now"
        df.loc[row, "Text"] = " ".join([df["Text"][row], *more, last])
    df.to_csv(tmp_path / "m.csv", index=False)
    assert main(["audit", str(tmp_path / "m.csv")]) == 0
    assert "shortcut: ends with: web address    0 ham, " in capsys.readouterr().out
    assert main(["audit", str(tmp_path / "m.csv"), "--json"]) == 0
    found = [s["what"] for s in json.loads(capsys.readouterr().out)["shortcuts"]]
    assert found.index("ends with: web address") > 9


def test_as_many_labels_as_messages_take_seconds_and_a_few_lines():
    """One loop over the labels with all messages in it would take a minute."""
    df = clean(20_000)
    df["Label"] = [f"label {i}" for i in range(len(df))]
    began = time.perf_counter()
    found = audit(df)
    assert time.perf_counter() - began < 20
    assert len(found.classes) == 20_000 and not found.suspects
    assert "not looked for" in str(found) and len(str(found)) < 5000
