from collections import Counter

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spamft.plumbing.errors import SpamftError
from spamft.sources.labels import (
    LabelRules,
    find_doubts,
    read_as,
    strip_labels,
    tidy_labels,
)

EVERY_RULE = LabelRules(drop_unlabelled=True, merge_case=True, trust_labels=True)


def frame(*labels: str) -> pd.DataFrame:
    texts = [f"text {i}" for i in range(len(labels))]
    return pd.DataFrame({"Label": list(labels), "Text": texts}, dtype=str)


def labels_of(tidied) -> list[str]:
    return tidied.df["Label"].tolist()


@given(
    st.lists(st.sampled_from(["ham", "Ham", " ham", "spam", "n/a", "", "a,ham", "-"]))
)
def test_no_message_goes_but_by_a_rule_that_counts_it(labels):
    df = frame(*labels)
    try:
        assert len(tidy_labels(df).df) == len(df)
    except SpamftError as error:
        assert "add --" in str(error)
    kept, notes = tidy_labels(df, EVERY_RULE)
    gone = sum(label.strip() in ("n/a", "", "-") for label in labels)
    assert len(kept) == len(df) - gone
    assert any(note.startswith(f"left out: {gone}") for note in notes) == bool(gone)
    assert kept["Text"].equals(df["Text"].loc[kept.index])  # each in its own row
    assert df["Label"].tolist() == labels  # and the frame given stays as it was


@pytest.mark.parametrize("blank", [" ", "\t", "\u3000", "\xa0", "\ufeff", "\u200b"])
def test_blanks_around_labels_go_and_are_counted(blank):
    df, notes = strip_labels(frame("ham", f"ham{blank}", f"{blank}spam"))
    assert df["Label"].tolist() == ["ham", "ham", "spam"]
    assert notes == ("blanks around 2 labels were taken away",)
    assert strip_labels(frame("ham")).notes == ()


@pytest.mark.parametrize(
    "labels, what, rule",
    [
        (["a", "b", ""], "1 of 3 messages have no label", "drop_unlabelled"),
        (
            ["a", "b", " nan"],
            r"1 of 3 labels look missing \(1 nan\)",
            "drop_unlabelled",
        ),
        (["a", "b", "N/A"], r"look missing \(1 N/A\)", "trust_labels"),
        (
            ["Ham", "ham", "b"],
            r"differ in case or blanks \(1 Ham, 1 ham\)",
            "merge_case",
        ),
        (["Ham", "ham", "b"], "differ in case or blanks", "trust_labels"),
        (["caf\u00e9", "cafe\u0301", "b"], "look the same, but are not", "merge_case"),
        (
            ["a", "a;b", "b"],
            r"1 of 3 classes look like lists .*\(a;b\)",
            "trust_labels",
        ),
    ],
)
def test_what_is_doubtful_is_refused_with_an_option_that_works(labels, what, rule):
    with pytest.raises(SpamftError, match=what) as error:
        tidy_labels(frame(*labels))
    assert f"--{rule.replace('_', '-')}" in str(error.value)
    assert tidy_labels(frame(*labels), LabelRules(**{rule: True}))


def test_an_empty_label_is_none_even_if_labels_are_trusted():
    with pytest.raises(SpamftError, match="no label: add --drop-unlabelled"):
        tidy_labels(frame("a", "", "b"), LabelRules(trust_labels=True))


def test_several_doubts_are_told_at_once():
    doubts = find_doubts(frame("a", "A", "", "nan", "a,b"))
    assert len(doubts) == 4
    with pytest.raises(SpamftError, match="no label.*look missing.*differ.*lists"):
        tidy_labels(frame("a", "A", "", "nan", "a,b"))


def test_merging_takes_the_most_frequent_spelling_or_the_models():
    df, rules = frame("Ham", "ham", "ham", "SPAM"), LabelRules(merge_case=True)
    assert labels_of(tidy_labels(df, rules)) == ["ham", "ham", "ham", "SPAM"]
    merged = tidy_labels(df, rules, names=("HAM", "spam"))
    assert labels_of(merged) == ["HAM"] * 3 + ["spam"]
    assert merged.notes == (
        "made one label, HAM: 1 Ham, 2 ham",
        "made one label, spam: 1 SPAM",
    )


@pytest.mark.parametrize("least", [1, 2, 3, 9])
def test_rare_classes_are_left_out_and_counted(least):
    labels = ["a"] * 1 + ["b"] * 2 + ["c"] * 3
    df, notes = tidy_labels(frame(*labels), LabelRules(min_per_class=least))
    assert Counter(df["Label"]) == {
        k: n for k, n in Counter(labels).items() if n >= least
    }
    assert len(notes) == (least > 1)


def test_words_and_ids_are_read_for_a_model_and_ids_are_said_to_be():
    names = ("billing", "login")
    assert read_as(frame("login", "billing"), names).df["Label"].tolist() == [1, 0]
    df, [note] = read_as(frame("1", "0"), names)
    assert df["Label"].tolist() == [1, 0]
    assert note.startswith("labels read as class ids: 0 billing, 1 login; --labels")


def test_meanings_say_what_labels_are_and_silence_the_note():
    meant = {"0": "login", "1": "billing"}
    df, notes = read_as(frame("0", "1", "0"), ("billing", "login"), meant)
    assert df["Label"].tolist() == [1, 0, 1] and notes == ()
    with pytest.raises(SpamftError, match="'no' is no class of the model, which knows"):
        read_as(frame("0"), ("a", "b"), {"0": "no"})
    with pytest.raises(SpamftError, match="unknown label '1'"):  # half of a mapping
        read_as(frame("0", "1"), ("a", "b"), {"0": "b"})


def test_numbers_that_are_names_are_names():
    df, notes = read_as(frame("10", "2"), ("2", "10"))
    assert df["Label"].tolist() == [1, 0] and notes == ()


@pytest.mark.parametrize(
    "label, complaint",
    [("C", "unknown label 'C'"), ("A", "add --merge-case"), ("2", "unknown label 2")],
)
def test_a_label_that_the_model_does_not_know_is_refused(label, complaint):
    with pytest.raises(SpamftError, match=complaint):
        read_as(frame(label), ("a", "b"))
