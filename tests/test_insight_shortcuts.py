import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_messages import clean
from sklearn.metrics import balanced_accuracy_score

from spamft.data import read_messages
from spamft.insight.shortcuts import PATTERNS, find_shortcuts, length_accuracy
from spamft.sources.sample import SAMPLE

ADDRESS = PATTERNS["web address"]


@pytest.mark.parametrize(
    "mark, what", [("&lt;#&gt;", "HTML entity"), ("zzyzx", "'zzyzx'"), ("€9", "curr")]
)
def test_a_planted_shortcut_is_found_with_its_counts(mark, what):
    df = clean(400)
    ham = df[df["Label"] == "ham"].index[:60]
    df.loc[ham, "Text"] += f" {mark}"
    [found] = [s for s in find_shortcuts(df) if s.what.startswith(what)]
    assert found.counts == {"ham": 60, "spam": 0}
    assert (found.label, found.share) == ("ham", 1.0)
    assert found.accuracy == pytest.approx((60 / 200 + 1) / 2)
    assert str(found) == "60 ham, 0 spam; means ham to 100.0%"


def test_a_feature_of_few_messages_is_no_shortcut():
    df = clean(400)
    ham = df[df["Label"] == "ham"].index[:19]
    df.loc[ham, "Text"] += " zzyzx"
    assert "'zzyzx'" not in {s.what for s in find_shortcuts(df)}


def test_a_feature_that_both_labels_share_is_no_shortcut():
    df = clean(400)
    df["Text"] += " zzyzx!"
    found = {s.what for s in find_shortcuts(df)}
    assert not found & {"'zzyzx'", "exclamation mark"}


def test_the_most_accurate_shortcut_comes_first_and_the_number_is_limited():
    found = find_shortcuts(clean(400), most=5)
    accuracies = [s.accuracy for s in found]
    assert len(found) == 5 and accuracies == sorted(accuracies, reverse=True)


def test_a_shortcut_to_one_of_three_labels_is_found():
    df = clean(300)
    df["Label"] = ["billing", "bug", "sales"] * 100
    df.loc[df["Label"] == "bug", "Text"] += " zzyzx"
    [found] = [s for s in find_shortcuts(df) if s.what == "'zzyzx'"]
    assert found.counts == {"billing": 0, "bug": 100, "sales": 0}
    assert (found.label, found.accuracy) == ("bug", 1.0)


def test_messages_without_a_frequent_word_have_patterns_only():
    df = pd.DataFrame({"Label": ["a", "b"] * 50, "Text": ["1", "?"] * 50})
    assert {s.what for s in find_shortcuts(df)} == {"digit", "question mark", "'?'"}


@pytest.mark.parametrize(
    "text",
    [
        "see http://x.y/z",
        "go to www.prize",
        "text or visit win.co.uk now",
        "Buy 2gb today at datahut.example!",
        "posted bag costs nothing. goldbag.example",
        "start at carla.dayjobs.invalid today",
        "pay on vm-inbox.test today",
        "answer goldbag.example/a7 today",
    ],
)
def test_a_web_address_is_found_whatever_its_ending(text):
    assert re.search(ADDRESS, text)


@pytest.mark.parametrize(
    "text",
    [
        "i am home.come over",
        "see you tomorrow.Call me",
        "ok...fine",
        "it costs 3.50.",
        "wait.what?",
        "well-known.",
    ],
)
def test_a_forgotten_space_is_no_web_address(text):
    assert not re.search(ADDRESS, text)


def test_the_addresses_of_the_sample_are_a_shortcut_without_naming_their_endings():
    assert "example" not in ADDRESS and "test" not in ADDRESS
    df = read_messages(SAMPLE)
    has = df["Text"].str.contains(ADDRESS, regex=True)
    named = df["Text"].str.contains(r"\w\.(?:example|test|org)\b|https?://")
    assert has.equals(named)
    assert "web address" in {s.what for s in find_shortcuts(df)}


def test_length_alone_can_tell_everything_or_nothing():
    df = clean(200)
    df.loc[df["Label"] == "spam", "Text"] += " and more words that make it long" * 3
    assert length_accuracy(df) == 1.0
    assert length_accuracy(df.assign(Label=df["Label"].map({"ham": 1, "spam": 0}))) == 1
    assert length_accuracy(df.assign(Text="all alike")) == 0.5


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=2, max_size=40))
def test_the_accuracy_of_the_length_is_that_of_the_best_threshold(rows):
    labels = [label for label, _ in rows]
    if len(set(labels)) < 2:
        return
    df = pd.DataFrame({"Label": labels, "Text": ["x" * n for _, n in rows]})
    scores = []
    for threshold in range(11):
        longer = [n >= threshold for _, n in rows]
        score = balanced_accuracy_score(labels, longer)
        scores += [score, 1 - score]
    assert length_accuracy(df) == pytest.approx(max(scores))
