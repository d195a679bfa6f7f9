"""Edits leave the meaning: links, length of words, order of sentences."""

import random
import unicodedata

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spamft.insight.edits import CHARACTERS, EDITS, control, good_words

TEXT = "Win cash today! Ring 07700 900123 or see prize-city.example/win now."
LINK = "prize-city.example/win"
ORDINARY = "mum dad tea home bus dog"
each = pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)


def edited(name: str, text: str = TEXT) -> str:
    return EDITS[name](text, random.Random(1))


@each
@given(text=st.text(max_size=300))
def test_an_edit_takes_any_text(edit, text):
    assert isinstance(edit(text, random.Random(1)), str)


@each
def test_the_same_chance_makes_the_same_edit(edit):
    assert edit(TEXT, random.Random(5)) == edit(TEXT, random.Random(5))


@pytest.mark.parametrize("name", CHARACTERS)
def test_an_edit_of_characters_leaves_links_and_numbers_alone(name):
    assert edited(name) != TEXT
    assert LINK in edited(name) and "07700 900123" in edited(name)


@pytest.mark.parametrize("name", ["look-alike letters", "full-width letters"])
def test_letters_are_written_in_others(name):
    before, after = TEXT.replace(LINK, ""), edited(name).replace(LINK, "")
    assert len(before) == len(after)
    changed = {a for a, b in zip(before, after, strict=True) if a != b}
    assert changed and all(a.isalpha() for a in changed)


def test_full_width_letters_are_the_same_letters_to_unicode():
    assert unicodedata.normalize("NFKC", edited("full-width letters")) == TEXT


@pytest.mark.parametrize(
    ("name", "mark"),
    [("zero-width spaces", "\u200b"), ("soft hyphens", "\u00ad")],
)
def test_marks_that_nobody_sees_can_be_taken_out_again(name, mark):
    assert edited(name).replace(mark, "") == TEXT


def test_a_typo_keeps_the_letters_of_each_word():
    for before, after in zip(
        TEXT.split(), edited("a typo a word").split(), strict=True
    ):
        assert sorted(before) == sorted(after) and before[0] == after[0]


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("a full stop at the end", "see you", "see you."),
        ("a full stop at the end", "see you.", "see you."),
        ("no punctuation at the end", "see you!!", "see you"),
        ("numbers in words", "at 10, a-1.example/5", "at one zero, a-1.example/5"),
        ("link in front", "see aa-b.example now", "aa-b.example see now"),
        ("link in the middle", "go to a me aa-b.example", "go to aa-b.example a me"),
        ("link at the end", "see aa-b.example now", "see now aa-b.example"),
        ("link in words", "see https://aa-b.example", "see aa-b dot example"),
        ("cut at 160 characters", "a" * 200, "a" * 160),
    ],
)
def test_an_edit_does_what_its_name_says(name, text, right):
    assert edited(name, text) == right


@pytest.mark.parametrize("name", [name for name in EDITS if "link" in name])
def test_where_no_link_is_none_is_moved(name):
    assert edited(name, "see  you there.") == "see  you there."


def test_sentences_change_their_order_and_nothing_else():
    text = "One is here. Two is there! Three?"
    after = edited("sentences shuffled", text)
    assert after != text and sorted(after.split()) == sorted(text.split())


def test_good_words_are_those_of_the_other_class():
    df = pd.DataFrame(
        {
            "Label": ["ham"] * 20 + ["spam"] * 20,
            "Text": [f"{ORDINARY} {i}" for i in range(20)]
            + [f"cash prize win now free call {i}" for i in range(20)],
        }
    )
    added = good_words(df, "spam")("cash", random.Random(1)).split()[1:]
    assert len(set(added)) == 5 and set(added) <= {*ORDINARY.split()}


@pytest.mark.parametrize("added", [" thanks a lot", "."])
def test_the_control_stands_where_the_edit_stands(added):
    harmless = control(TEXT, TEXT + added, random.Random(1))
    assert harmless.startswith(TEXT) and len(harmless) > len(TEXT)
    harmless = control(TEXT, added + TEXT, random.Random(1))
    assert harmless.endswith(TEXT)


@each
def test_the_control_keeps_the_message_and_is_as_long_as_the_edit(edit):
    after = edit(TEXT, random.Random(1))
    harmless = control(TEXT, after, random.Random(1))
    assert len(harmless) - len(TEXT) <= max(len(after), len(TEXT)) + len("soon ")
    rest = iter(harmless.split(" "))
    assert all(word in rest for word in TEXT.split(" "))  # in this order
