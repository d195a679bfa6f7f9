"""Planted faults are found, and clean data has none."""

import os
import random
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spamft.cli import main
from spamft.data import Splits, encode_labels, read_messages
from spamft.insight.audit import audit, audit_file
from spamft.sources import open_splits

SHARED = Path(__file__).parents[2] / "shared" / "data" / "uci_sms"
UCI_ZIP = Path(os.environ.get("SPAMFT_UCI_ZIP", SHARED / "sms+spam+collection.zip"))

# all of one length, so that only the words tell the classes apart
HAM = "lunch train house later sorry bring phone beach table paint music radio".split()  # noqa: SIM905
SPAM = "prize claim award offer bonus loans guest money stock agent rates promo".split()  # noqa: SIM905


def clean(size: int = 400, seed: int = 0) -> pd.DataFrame:
    """Two classes that words tell apart, every message its own."""
    draw = random.Random(seed)
    rows = []
    for i in range(size):
        label, words = (("ham", HAM), ("spam", SPAM))[i % 2]
        filler = [f"{draw.choice('bcdfg')}{draw.choice('aeiou')}{n}" for n in range(4)]
        body = [draw.choice(words) for _ in range(6)] + [f"n{i}x", *filler]
        draw.shuffle(body)
        rows.append((label, " ".join(body)))
    return pd.DataFrame(rows, columns=["Label", "Text"])


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_on_clean_data_nothing_is_invented(seed):
    found = audit(clean(seed=seed))
    assert found.exact_duplicates == found.near_duplicates == found.conflicts == 0
    assert not found.mojibake and not found.swallowed and not found.suspects
    patterns = [s.what for s in found.shortcuts if not s.what.startswith("'")]
    assert patterns == []
    assert found.length_rule < 0.75


def test_duplicates_are_counted_in_three_degrees():
    df = clean(100)
    text = "the quick brown fox jumps over the lazy dog again and again"
    more = [text, text, text.upper() + "!!", text.replace("the quick", "one quick")]
    df = pd.concat([df, pd.DataFrame({"Label": "ham", "Text": more})])
    found = audit(df)
    assert (found.exact_duplicates, found.folded_duplicates) == (1, 2)
    assert found.near_duplicates == 3


def test_equal_messages_with_different_labels_are_a_conflict():
    df = clean(60)
    twice = pd.DataFrame({"Label": ["ham", "spam"], "Text": "call me back please"})
    assert audit(pd.concat([df, twice])).conflicts == 1


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 12))
def test_a_planted_leak_is_counted_and_shown(leaked):
    df = encode_labels(clean(200))
    train, rest = df[:140].reset_index(drop=True), df[140:].reset_index(drop=True)
    test = pd.concat([rest[20:], train[:leaked]]).reset_index(drop=True)
    found = audit(clean(200), Splits(train, rest[:20], test))
    assert found.leaks["test"]["exact"] == leaked
    assert found.leak_examples == train["Text"][:leaked].tolist()[:5]


def test_a_flipped_label_in_a_hundred_is_suspected():
    df = clean(600)
    flipped = [100, 201, 302, 403, 504, 555]
    for row in flipped:
        df.loc[row, "Label"] = "spam" if df.loc[row, "Label"] == "ham" else "ham"
    rows = [suspect.row for suspect in audit(df).suspects]
    assert set(flipped) <= set(rows[:8])


def test_a_repeat_does_not_vouch_for_its_own_label():
    df = clean(400)
    df.loc[100, "Label"] = "spam"
    df = pd.concat([df, df.loc[[100] * 5]], ignore_index=True)
    assert 100 in {suspect.row for suspect in audit(df).suspects}


@pytest.mark.parametrize(
    "mark, what", [("&lt;#&gt;", "HTML entity"), ("zzyzx", "'zzyzx'"), ("€9", "curr")]
)
def test_a_planted_shortcut_is_found_with_its_counts(mark, what):
    df = clean(400)
    ham = df[df["Label"] == "ham"].index[:60]
    df.loc[ham, "Text"] += f" {mark}"
    [found] = [s for s in audit(df).shortcuts if s.what.startswith(what)]
    assert found.counts == {"ham": 60, "spam": 0}
    assert (found.label, found.share) == ("ham", 1.0)


def test_length_as_a_shortcut_shows():
    df = clean(200)
    df.loc[df["Label"] == "spam", "Text"] += " and more words that make it long" * 3
    assert audit(df).length_rule == 1.0


def test_mixed_encodings_are_found():
    df = clean(100)
    df.loc[7, "Text"] += " costs Â£5"
    df.loc[9, "Text"] += " caf\x92 bar"
    df.loc[11, "Text"] += " café, naïve, £5"  # as it should be
    assert audit(df).mojibake == [7, 9]


def test_a_swallowed_line_is_named(tmp_path):
    lines = [f"{label}\t{text}" for label, text in clean(60).to_numpy()]
    lines[10] = 'ham\t"never closed'
    lines[12] = 'ham\tsaid "that" once'
    (tmp_path / "m.tsv").write_text("\n".join(lines) + "\n")
    found = audit_file(tmp_path / "m.tsv")
    assert found.rows == 60 and found.read_by_pandas == 58
    [swallowed] = found.swallowed
    assert (swallowed.line, swallowed.lost, swallowed.begins) == (11, 2, "never closed")
    assert "line 11 swallows 2" in str(found)


def test_a_mark_that_never_closes_is_a_finding_and_no_failure(tmp_path):
    lines = [f"{label}\t{text}" for label, text in clean(60).to_numpy()]
    lines[10] = 'ham\t"never closed'
    (tmp_path / "m.tsv").write_text("\n".join(lines) + "\n")
    found = audit_file(tmp_path / "m.tsv")
    assert (found.rows, found.read_by_pandas) == (60, 0)
    assert "never closes" in str(found)


def test_a_table_loses_nothing_to_quotation_marks(tmp_path):
    clean(60).to_csv(tmp_path / "m.csv", index=False)
    assert audit_file(tmp_path / "m.csv").read_by_pandas is None


def test_it_reads_as_text_html_and_json(tmp_path, capsys):
    df = clean(60)
    df.loc[0, "Text"] += " <b>&"
    df.to_csv(tmp_path / "m.csv", index=False)
    found = audit(df)
    assert str(found).startswith("rows ") and "<th" in found._repr_html_()
    assert main(["audit", str(tmp_path / "m.csv"), "--json"]) == 0
    assert '"exact_duplicates": 0' in capsys.readouterr().out
    assert main(["audit", str(tmp_path / "m.csv")]) == 0
    assert "test messages in train" in capsys.readouterr().out
    assert main(["audit", str(tmp_path / "nothing.csv")]) == 2


def test_one_label_cannot_be_audited():
    with pytest.raises(ValueError, match="two labels"):
        audit(clean(20).query("Label == 'ham'"))


def test_several_classes_work():
    df = clean(90)
    df["Label"] = ["a", "b", "c"] * 30
    assert set(audit(df).classes) == {"a", "b", "c"}


@pytest.mark.skipif(not UCI_ZIP.exists(), reason="needs SPAMFT_UCI_ZIP")
def test_on_the_collection_it_finds_what_is_known():
    splits = open_splits(UCI_ZIP, split="lecture").splits
    found = audit_file(UCI_ZIP, splits)
    assert (found.read_by_pandas, found.rows) == (5572, 5574)
    assert [(s.line, s.lost) for s in found.swallowed] == [(5082, 2)]
    assert found.exact_duplicates == 403 and found.conflicts == 0
    assert found.leaks["test"] == {"exact": 37, "folded": 49}
    [entity] = [s for s in found.shortcuts if s.what == "HTML entity"]
    assert entity.counts == {"ham": 309, "spam": 0}
    known = {751, 68, 2774, 2965, 4514, 4069, 2247, 1638, 1430, 2558, 955, 3360}
    known |= {1260, 5046, 4729, 2379, 4773, 180}
    assert len(known & {suspect.row for suspect in found.suspects[:50]}) >= 5


def test_rows_of_suspects_are_those_of_the_file(tmp_path):
    df = clean(200)
    df.loc[50, "Label"] = "spam"
    lines = [f"{label}\t{text}" for label, text in df.to_numpy()]
    (tmp_path / "m.tsv").write_text("\n".join(lines) + "\n")
    suspect = audit_file(tmp_path / "m.tsv").suspects[0]
    assert read_messages(tmp_path / "m.tsv")["Text"][suspect.row] == suspect.text
