import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_messages import PIECES

from spamft.data import read_messages
from spamft.insight.patterns import PATTERNS, PLACES
from spamft.sources.sample import SAMPLE

HOSTILE = (*PIECES, "1.", "....", "A!", "http:/", "/.", "x ", "x/", "\u3000")
each = pytest.mark.parametrize("name", PLACES)


def features(text: str, where: str) -> set[str]:
    """What `text` begins or ends with."""
    pairs = [(name.split(": "), place) for name, place in PLACES.items()]
    return {what for (at, what), place in pairs if at == where and place.holds(text)}


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("goldbag-a.example now", {"web address"}),
        ("https://a.b/c: see", {"web address"}),
        ("you@gold-bag.example writes", {"web address"}),
        ("07700 900123 is it", {"number"}),
        ("50% off", {"number"}),
        ("2nd time", set()),
        ("Hi there", {"capital letter"}),
        ("WIN, now", {"capital letter", "word in capitals"}),
        ("OK then", {"capital letter"}),
        ("WINter", {"capital letter"}),
        ('"so" he said', {"punctuation mark"}),
        ("£50 off", {"currency sign"}),
        ("see you Hi 5 goldbag-a.example", set()),
    ],
)
def test_a_text_begins_with_what_its_first_characters_are(text, begins):
    assert features(text, "begins with") == begins
    assert features(f" \n {text}", "begins with") == begins


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("pay on goldbag.example", {"web address"}),
        ("see goldbag.example/a7/", {"web address", "punctuation mark"}),
        ("see https://goldbag.example/?a=7", {"web address"}),
        ("here:goldbag-x.example", {"web address"}),
        ("see https://goldbag.example.", {"punctuation mark", "full stop"}),
        ("i am home.come", set()),
        ("call 07700 900123", {"number"}),
        ("it is $1,000.50", {"number"}),
        ("room A7", set()),
        ("reply STOP", {"word in capitals"}),
        ("so (YES", {"word in capitals"}),
        ("why?", {"punctuation mark", "question mark"}),
        ("go!", {"punctuation mark", "exclamation mark"}),
        ("only 5€", {"currency sign"}),
        ("goldbag.example! 5 STOP now", set()),
    ],
)
def test_a_text_ends_with_what_its_last_characters_are(text, ends):
    assert features(text, "ends with") == ends
    assert features(f"{text} \n ", "ends with") == ends


@each
@pytest.mark.parametrize("text", ["", " ", "\n\t\u3000"])
def test_a_text_without_a_word_has_nothing_at_its_ends(name, text):
    assert not PLACES[name].holds(text)


def test_an_address_alone_is_both_beginning_and_end():
    assert features("gold-bag.example", "begins with") == {"web address"}
    assert features("gold-bag.example", "ends with") == {"web address"}


parts = st.sampled_from([*HOSTILE, "goldbag", ".example", "WIN", "http", "com", ")"])


@given(st.lists(parts, max_size=8).map("".join))
def test_what_stands_at_an_end_stands_in_the_text(text):
    for where in ("begins with", "ends with"):
        for what in features(text, where) & set(PATTERNS):
            assert re.search(PATTERNS[what], text)


def test_the_addresses_at_the_end_of_the_sample_are_all_found():
    texts = read_messages(SAMPLE)["Text"]
    address = r"(?:\.(?:example|test|org|com)|https?://\S+)(?:/\S*)?$"
    named = texts.str.contains(address) & texts.str.contains(r"[\w/]$")
    found = texts.map(PLACES["ends with: web address"].holds)
    assert found.equals(named) and found.any()


@each
def test_how_often_a_text_repeats_itself_decides_nothing(name):
    """And it ends: a search from each place would take minutes for so long a text."""
    for begin, piece, end in product(("", "http://"), HOSTILE, (*"_.x\n", " x")):
        short, long = (f"{begin}{piece * n}{end}" for n in (99, 50_000 // len(piece)))
        assert PLACES[name].holds(short) == PLACES[name].holds(long)
