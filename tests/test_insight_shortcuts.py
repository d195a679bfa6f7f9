import re
import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_messages import PIECES, clean, repeated
from sklearn.metrics import balanced_accuracy_score

from spamft.data import read_messages
from spamft.insight.patterns import PLACES
from spamft.insight.shortcuts import (
    PATTERNS,
    Shortcut,
    find_shortcuts,
    length_accuracy,
    place_table,
)
from spamft.plumbing.errors import SpamftError
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
    found = {s.what for s in find_shortcuts(df)} - set(PLACES)
    assert found == {"digit", "question mark", "'?'"}


# --- the beginning and the end ---------------------------------------------------


def with_mark(place: str, mark: str) -> pd.DataFrame:
    """Each message has `mark`, but only spam has it at that place."""
    df = clean(400)
    inside = df["Text"].str.replace(" ", f" {mark} ", n=1)
    at_place = df["Text"] + f" {mark}" if place == "ends" else f"{mark} " + df["Text"]
    return df.assign(Text=at_place.where(df["Label"] == "spam", inside))


@pytest.mark.parametrize("place", ["begins", "ends"])
@pytest.mark.parametrize(
    ("what", "mark"),
    [("web address", "gold-bag.test"), ("number", "48"), ("word in capitals", "CALL")],
)
def test_a_feature_is_found_where_its_place_alone_tells(place, what, mark):
    found = {s.what: s for s in find_shortcuts(with_mark(place, mark))}
    assert what not in found and f"'{mark.lower()}'" not in found
    at_place = found[f"{place} with: {what}"]
    assert at_place.counts == {"ham": 0, "spam": 200}
    assert (at_place.label, at_place.share, at_place.accuracy) == ("spam", 1.0, 1.0)
    assert f"{'begins' if place == 'ends' else 'ends'} with: {what}" not in found


def test_the_table_of_places_has_those_that_are_no_shortcut():
    df = clean(400)
    df.loc[[0, 1, 3], "Text"] += "?"  # one ham, two spam
    assert not {s.what for s in find_shortcuts(df)} & set(PLACES)
    table = {s.what: s for s in place_table(df)}
    assert set(table) == {"ends with: question mark", "ends with: punctuation mark"}
    found = table["ends with: question mark"]
    assert found.counts == {"ham": 1, "spam": 2} and found.label == "spam"
    assert found.share == pytest.approx(2 / 3)
    assert found.accuracy == pytest.approx((2 / 200 + 199 / 200) / 2)


def test_the_table_of_places_agrees_with_the_shortcuts():
    df = read_messages(SAMPLE)
    table = {s.what: vars(s) for s in place_table(df)}
    found = [s for s in find_shortcuts(df) if s.what in PLACES]
    assert found and all(vars(s) == table[s.what] for s in found)
    assert "ends with: web address" in {s.what for s in found}


def test_places_of_several_labels_point_to_the_one_that_has_them():
    df = clean(300).assign(Label=["billing", "bug", "sales"] * 100)
    df.loc[df["Label"] == "bug", "Text"] += "!"
    by_name = {s.what: s for s in place_table(df)}
    found = by_name["ends with: exclamation mark"]
    assert (found.label, found.accuracy, found.counts["sales"]) == ("bug", 1.0, 0)


def test_one_label_alone_has_no_table():
    with pytest.raises(SpamftError, match="takes two of them, not 1"):
        place_table(clean(20).query("Label == 'ham'"))


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


# --- the patterns take no more than a few steps for each character ---------------

# as they were before their repetitions were bounded
NAME = r"[a-z0-9-]{5,}\.[a-z]{3,}"
UNBOUNDED = (
    r"(?:https?://|www\.)\S+"
    r"|\b[\w-]+\.(?:com|co|org|net|uk)\b"
    r"|\b[a-z0-9]+-[a-z0-9-]*\.[a-z]{2,}\b"
    rf"|(?<=\bat ){NAME}|\b{NAME}(?=/|[.,!?:;)]|\s*$)"
)
PARTS = [
    *("www.", "http://", "at ", " at", ".com", ".co", ".uk", "-", "--", ".", "/", "_"),
    *(
        "abc",
        "home",
        "x",
        "0",
        "9a",
        "A",
        "é",
        " ",
        "  ",
        "\n",
        "!",
        ")",
        ",",
        "?",
        ";",
    ),
]


def places(pattern: str, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(pattern, text)]


@settings(max_examples=1000)
@given(
    st.lists(st.sampled_from(PARTS), max_size=12).map("".join) | st.text(max_size=60)
)
def test_in_ordinary_text_bounds_change_no_address(text):
    assert places(ADDRESS, text) == places(UNBOUNDED, text)


def test_in_the_sample_bounds_change_no_address():
    for text in read_messages(SAMPLE)["Text"]:
        assert places(ADDRESS, text) == places(UNBOUNDED, text)


@pytest.mark.parametrize("what", PATTERNS)
def test_a_pattern_takes_time_in_proportion_to_the_text_whatever_it_repeats(what):
    """A search from each place to the end would take minutes."""
    for piece in PIECES:
        spent = []
        for characters in (100_000, 200_000):
            began = time.process_time()
            for end in ("", "_", "\n"):
                places(PATTERNS[what], repeated(piece, characters) + end)
            spent.append(time.process_time() - began)
        assert spent[1] < 20
        assert spent[1] < 3 * spent[0] + 0.5, piece  # half a second for other programs


def test_shortcuts_are_found_among_long_and_hostile_messages():
    texts = [repeated(piece, 20_000) for piece in PIECES]
    df = pd.DataFrame({"Label": ["a", "b"] * len(texts), "Text": texts * 2})
    began = time.process_time()
    find_shortcuts(df)
    assert time.process_time() - began < 20


# --- and the labels may be as many as the messages -------------------------------


def test_of_many_labels_those_that_a_feature_lacks_cost_no_time():
    df = clean(20_000)
    df["Label"] = [f"label {i}" for i in range(len(df))]
    began = time.process_time()
    assert find_shortcuts(df) == [] and 0.99 < length_accuracy(df) <= 1
    assert time.process_time() - began < 20


labelled = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9)), min_size=2)


@given(labelled)
def test_of_several_labels_the_length_predicts_the_best_one(rows):
    df = pd.DataFrame(
        [(label, "x" * n) for label, n in rows], columns=["Label", "Text"]
    )
    if df["Label"].nunique() < 2:
        return
    each = [
        length_accuracy(df.assign(Label=df["Label"] == a)) for a in set(df["Label"])
    ]
    assert length_accuracy(df) == pytest.approx(max(each))


def test_a_shortcut_is_on_one_line_whatever_its_labels():
    evil = Shortcut("digit", {"a\nb": 1, "\x1b[2J": 2}, "a\nb", 1.0, 1.0)
    assert str(evil) == "1 a␊b, 2 ␛[2J; means a␊b to 100.0%"
