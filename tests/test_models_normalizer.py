"""The text that people see is tokenized; what is normalized stays as it is."""

import copy
import pickle
import random
import string
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_messages import repeated

from spamft.batches import encode_texts
from spamft.insight.edits import EDITS, LOOK_ALIKES
from spamft.models.normalizer import (
    Normalizer,
    NormalizingEncoding,
    latin_share,
    look_alikes,
    normalizer_of,
    plain_of,
)
from spamft.models.prompts import style_of
from spamft.plumbing.errors import SpamftError
from spamft.tokenizer import END_OF_TEXT, load_tokenizer

TABLE = look_alikes()
NORMALIZER = Normalizer(TABLE)
TINY = load_tokenizer("tiny")
TEXT = "Win CASH today! Ring 07700 900123 or see prize-city.example/win, I say."


@pytest.fixture
def reader(tokenizer) -> NormalizingEncoding:
    return NormalizingEncoding(tokenizer, NORMALIZER)


@given(st.text(max_size=200))
def test_what_is_normalized_stays_as_it_is(text):
    once = NORMALIZER(text)
    assert NORMALIZER(once) == once == unicodedata.normalize("NFKC", once)


@given(st.text(st.characters(min_codepoint=0x2B0, max_codepoint=0x6FF), max_size=40))
def test_marks_in_any_order_are_normalized_at_once(text):
    assert NORMALIZER(once := NORMALIZER("a" + text)) == once


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_ascii_stays_as_it_is(text):
    assert NORMALIZER(text) == text


def test_the_letters_of_languages_in_latin_script_stay_up_to_nfkc():
    for letter in map(chr, range(0xA0, 0x250)):
        if letter.isalpha():
            assert NORMALIZER(letter) == unicodedata.normalize("NFKC", letter)
    assert NORMALIZER("cafe\u0301, Łódź, smørrebrød") == "café, Łódź, smørrebrød"


@pytest.mark.parametrize(
    "name",
    ["look-alike letters", "full-width letters", "zero-width spaces", "soft hyphens"],
)
def test_an_edit_that_nobody_sees_gives_the_tokens_of_the_text(reader, name):
    edited = EDITS[name](TEXT, random.Random(1))
    assert edited != TEXT
    assert reader.encode_ordinary(edited) == reader.encode_ordinary(TEXT)


def test_every_look_alike_of_the_edits_becomes_its_letter():
    for plain, other in LOOK_ALIKES.items():
        assert NORMALIZER(chr(other)) == chr(plain)


def test_what_has_a_meaning_of_its_own_is_no_look_alike():
    assert not set(TABLE) & set("0O1lI|×−–’‘£€µ½٥०éøıßɑ")
    for character in TABLE:
        kind = unicodedata.category(character)
        assert kind in ("Lu", "Ll", "Lo", "So"), unicodedata.name(character)
        assert "LATIN" not in unicodedata.name(character)


def test_a_look_alike_has_the_case_of_its_letter_where_both_have_one():
    assert [TABLE[c] for c in "ІӀіСсᏟ"] == list("IIiCcC")


def test_characters_that_nobody_sees_are_left_out():
    unseen = [chr(c) for c in (0xAD, 0x200B, 0x200D, 0x2066, 0xFEFF, 0xFE0F, 0xE0041)]
    assert NORMALIZER("f" + "".join(unseen) + "ree") == "free"
    assert NORMALIZER("f\u0336r\u0334e\u0335e\u20dd") == "free\u20dd"


@pytest.mark.parametrize(
    "piece", ["\u0316\u0301", "а", "\u200b", "\u0627\u0301\u0653", "é\u05b0\u0301"]
)
def test_a_long_text_takes_no_longer_than_its_length(piece):
    """Marks that lie in the wrong order take the square of their number to sort."""
    assert len(NORMALIZER(repeated(piece))) <= 200_000


def test_without_a_table_other_scripts_stay():
    assert Normalizer()("привет, ｃａｆé\u200b") == "привет, café"


@pytest.mark.parametrize(
    "table", [None, [], {"аб": "a"}, {"a": "b"}, {"а": "1"}, {"а": ""}, {"а": 1}]
)
def test_a_table_of_anything_else_is_refused(table):
    with pytest.raises(SpamftError, match="look-alike"):
        Normalizer.from_dict({"table": table})


def test_a_normalizer_comes_back_from_json():
    assert Normalizer.from_dict(NORMALIZER.to_dict()) == NORMALIZER
    with pytest.raises(SpamftError, match="a table and nothing else"):
        Normalizer.from_dict({"table": {}, "case": True})


def test_the_share_of_latin_letters_counts_letters_alone():
    assert latin_share(["see you at 10!", "ｃｕ"]) == 1.0
    assert latin_share(["до ten 12"]) == pytest.approx(3 / 5)
    assert latin_share(["12 !"]) == 0.0


def test_one_clear_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "confusable_homoglyphs", None)
    monkeypatch.setitem(sys.modules, "confusable_homoglyphs.confusables", None)
    with pytest.raises(SpamftError, match=r"pip install 'spamft\[robust\]'"):
        look_alikes()


@given(st.text(string.printable + "аЕ\u200bé👍", max_size=60))
def test_tokens_are_those_of_the_plain_tokenizer_for_the_text_people_see(text):
    reader = NormalizingEncoding(TINY, NORMALIZER)
    seen = TINY.encode_ordinary(NORMALIZER(text))
    assert reader.encode_ordinary(text) == seen
    assert reader.encode(text, disallowed_special=()) == seen
    assert encode_texts([text], reader) == encode_texts([NORMALIZER(text)], TINY)


def test_all_else_is_the_plain_tokenizers(reader, tokenizer):
    assert (reader.n_vocab, reader.eot_token, reader.name) == (257, 256, "bytes")
    assert reader.decode([97, 98]) == "ab"
    assert reader.encode_single_token(END_OF_TEXT) == 256
    assert style_of(reader) == style_of(tokenizer)
    assert plain_of(reader) is plain_of(tokenizer) is tokenizer
    assert normalizer_of(reader) == NORMALIZER and normalizer_of(tokenizer) is None


def test_a_copy_normalizes_too(reader):
    for again in (copy.deepcopy(reader), pickle.loads(pickle.dumps(reader))):
        assert again.encode_ordinary("ＦＲЕЕ") == list(b"FREE")
