"""What is put at a place can be taken away, and the control leaves it alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spamft.insight.edits import HARMLESS
from spamft.insight.patterns import PLACES
from spamft.insight.place_changes import CHANGES

each = pytest.mark.parametrize("name", CHANGES)
ORDINARY = "see you at home then"
pieces = ["see you", "Hi", "WIN", " ", "5", "07700 900123", "£5", "5€", "!", ".", "?"]
pieces += ["gold-bag.example", "http://a.b/c", "\n", "ß", "-", "**", "\u3000"]
texts = st.lists(st.sampled_from(pieces), max_size=8).map("".join) | st.text()


def chance() -> random.Random:
    return random.Random(1)


def test_every_place_can_be_changed():
    assert list(CHANGES) == list(PLACES)


@each
@given(text=texts)
def test_removing_undoes_adding(name, text):
    change = CHANGES[name]
    added = change.add(text, chance())
    if added != text:
        assert not change.place.holds(text) and change.place.holds(added)
        assert change.remove(added) == text.strip()


@each
@given(text=texts)
def test_what_was_removed_is_no_longer_there(name, text):
    change = CHANGES[name]
    rest = change.remove(text)
    assert rest == text or not change.place.holds(rest)
    assert change.place.holds(text) or rest == text


@each
@pytest.mark.parametrize("text", [ORDINARY, f" {ORDINARY}\n"])
def test_an_ordinary_message_gets_every_beginning_and_ending(name, text):
    change = CHANGES[name]
    added = change.add(text, chance())
    assert change.place.holds(added) and change.add(added, chance()) == added
    if "capital letter" not in name:
        kept = added.startswith if change.place.at_end else added.endswith
        assert kept(ORDINARY) and len(added) > len(ORDINARY)


@pytest.mark.parametrize(
    ("name", "text", "rest"),
    [
        ("ends with: web address", "see https://a.b/c", "see"),
        ("ends with: web address", "gold-bag.example", ""),
        ("ends with: web address", "a gold-bag.example  my-parcel.test ", "a"),
        ("ends with: number", "call 07700 900123", "call"),
        ("ends with: number", "4 5 6", ""),
        ("ends with: exclamation mark", "so!! !", "so"),
        ("ends with: full stop", "what?...", "what?"),
        ("ends with: punctuation mark", "what?...", "what"),
        ("ends with: currency sign", "now 5€", "now"),
        ("begins with: web address", "https://a.b/c: see", "see"),
        ("begins with: number", "2 5 loads", "loads"),
        ("begins with: capital letter", "It is", "it is"),
        ("begins with: word in capitals", "WIN BIG now", "now"),
        ("begins with: punctuation mark", "** Hi!", "Hi!"),
    ],
)
def test_what_is_removed_is_all_of_it_and_no_more(name, text, rest):
    assert CHANGES[name].remove(text) == rest


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ends with: full stop", "Really?"),  # nobody writes "Really?."
        ("begins with: capital letter", "5 loads"),
        ("begins with: capital letter", "ßo"),  # "SSo" would come back as "sSo"
    ],
)
def test_what_could_not_be_undone_is_not_added(name, text):
    assert CHANGES[name].add(text, chance()) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ends with: number", "1 " * 50_000),  # a list of numbers, no ending
        ("begins with: word in capitals", "WIN " * 50_000),
        ("begins with: capital letter", "WIN it"),  # nobody writes "wIN"
    ],
)
def test_what_does_not_end_after_a_few_words_stays(name, text):
    assert CHANGES[name].remove(text) == text


@each
@given(text=texts)
def test_the_control_of_adding_is_the_message_with_harmless_words_there(name, text):
    change = CHANGES[name]
    added = change.add(text, chance())
    words = change.harmless(text, added, chance())
    if added == text or not text.strip():
        return
    assert not change.place.holds(words)
    plain = text.strip()
    more = words.removeprefix(plain) if change.place.at_end else ""
    more = more or words.removesuffix(plain)
    assert set(more.split()) <= set(HARMLESS)
    grown = len(added) - len(plain)
    assert grown <= len(words) - len(plain) <= max(grown, 2) + len("later ")


@each
def test_the_control_of_removing_keeps_the_place(name):
    change = CHANGES[name]
    text = change.add(ORDINARY, chance())
    words = change.harmless(text, change.remove(text), chance())
    assert change.place.holds(words) and len(words) > len(text)
    kept = iter(words.lower().split())
    assert all(word in kept for word in text.lower().rstrip(".!?").split())


@each
@pytest.mark.parametrize("text", ["gold-bag.example", "5", "WIN", "£5", "5€", "!"])
def test_a_text_that_is_nothing_else_is_emptied_and_its_control_is_not(name, text):
    change = CHANGES[name]
    if change.place.holds(text) and change.remove(text) == "":
        words = change.harmless(text, "", chance())
        assert change.place.holds(words) and text in words


def test_the_same_chance_makes_the_same_change():
    change = CHANGES["ends with: web address"]
    assert len({change.add("a", chance()) for _ in range(9)}) == 1
    assert len({change.add("a", random.Random(n)) for n in range(30)}) > 2
