import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_messages import clean

from spamft.insight import suspects
from spamft.insight.suspects import find_suspects
from spamft.sources.duplicates import duplicate_groups


def find(df: pd.DataFrame, **options) -> list[suspects.Suspect]:
    return find_suspects(df, duplicate_groups(df), **options)


def test_flipped_labels_are_among_the_first_suspects():
    df = clean(600)
    flipped = [100, 201, 302, 403, 504, 555]
    for row in flipped:
        df.loc[row, "Label"] = "spam" if df.loc[row, "Label"] == "ham" else "ham"
    found = find(df)
    assert set(flipped) <= {suspect.row for suspect in found[:8]}
    assert [s.trust for s in found] == sorted(s.trust for s in found)


def test_a_suspect_names_what_was_predicted_and_why_it_is_doubted():
    df = clean(400)
    df.loc[100, "Label"] = "spam"
    first = find(df, most=1)[0]
    assert (first.row, first.label, first.predicted) == (100, "spam", "ham")
    assert first.trust < 0.5 and first.text == df["Text"][100]
    given = f"labelled spam (probability {first.trust:.0%})"
    assert str(first).startswith(f"{given}, predicted ham: '")


def test_a_duplicate_does_not_confirm_its_own_label():
    df = clean(400)
    df.loc[100, "Label"] = "spam"
    df = pd.concat([df, df.loc[[100] * 5]], ignore_index=True)
    assert 100 in {suspect.row for suspect in find(df)}


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_label_of_one_group_cannot_be_checked(repeats):
    df = clean(40)
    rare = pd.DataFrame({"Label": "rare", "Text": ["once upon a time"] * repeats})
    assert find(pd.concat([df, rare], ignore_index=True)) == []


def test_many_messages_are_read_word_by_word(monkeypatch):
    df = clean(600)
    df.loc[100, "Label"] = "spam"
    monkeypatch.setattr(suspects, "LARGE", 599)
    assert find(df)[0].row == 100


def test_suspects_are_found_among_three_labels():
    df = clean(600)
    df["Label"] = df["Label"].where(df.index % 4 != 1, "offer")
    df.loc[df["Label"] == "offer", "Text"] += " zzyzx"
    df.loc[100, "Label"] = "offer"
    assert 100 in {suspect.row for suspect in find(df)[:3]}


rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), min_size=2)


@settings(max_examples=200)
@given(rows)
def test_groups_stay_in_one_fold_and_no_label_is_missing_from_training(rows):
    frame = pd.DataFrame(rows, columns=["label", "group"])
    folds = suspects._folds(frame["label"].to_numpy(), frame["group"].to_numpy())
    if folds is None:
        return
    assert (frame.assign(fold=folds).groupby("group")["fold"].nunique() == 1).all()
    for fold in set(folds):
        rest = frame["label"][folds != fold]
        assert set(rest) == set(frame["label"])


@given(rows)
def test_labels_with_two_groups_of_their_own_each_are_always_checked(rows):
    frame = pd.DataFrame(rows, columns=["label", "group"])
    frame["group"] = frame["label"] + frame["group"].astype(str)  # no conflict
    folds = suspects._folds(frame["label"].to_numpy(), frame["group"].to_numpy())
    rarest = frame.groupby("label")["group"].nunique().min()
    assert (folds is None) == (rarest < 2)
    assert folds is None or len(set(folds)) == min(5, rarest)


def test_a_suspect_is_on_one_line_whatever_its_label_and_text():
    evil = suspects.Suspect(0, "a\nb", "\x1b[2J", 0.1, "c\nd\u202e")
    assert str(evil).isprintable() and "labelled a␊b" in str(evil)


def test_more_labels_than_the_most_are_not_checked():
    many = suspects.MOST_LABELS + 1
    labels = [f"label {i % many}" for i in range(4 * many)]
    assert find(clean(4 * many).assign(Label=labels)) == []
