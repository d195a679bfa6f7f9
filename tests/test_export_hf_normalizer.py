"""Normalizer is the oracle of what tokenizers does with the same text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spamft.export.hf_normalizer import hf_normalizer
from spamft.models.normalizer import Normalizer

pytest.importorskip("tokenizers")
OURS = Normalizer({"\u0430": "a", "\u0415": "E", "\u2ca2": "P", "\u4e00": "ix"})
THEIRS = hf_normalizer(OURS)
STRANGE = (
    "ab\u0430\u0415\u2ca2\u4e00\u0301\u0327\u200b\u1100\u1161\u11a8\ufe0f\uff21\ufdfa"
)


@given(st.text() | st.text(STRANGE))
@settings(max_examples=400, deadline=None)
def test_a_text_is_written_alike(text):
    assert THEIRS.normalize_str(text) == OURS(text)


def test_only_a_mark_that_its_unicode_does_not_know_keeps_an_accent_off():
    """The one difference, which the model card tells."""
    assert OURS("e\u07fd\u0301") == "\u00e9\u07fd"
    assert THEIRS.normalize_str("e\u07fd\u0301") == "e\u07fd"
    assert THEIRS.normalize_str("e\u0334\u0301") == OURS("e\u0334\u0301")


@pytest.mark.parametrize("mark", ["\u0301", "\u05b0", "\u0654"])
@pytest.mark.parametrize("count", [29, 30, 31, 80])
def test_marks_beyond_what_any_language_has_are_left_out(mark, count):
    text = f"e{mark * count}\u200b{mark}x"
    assert THEIRS.normalize_str(text) == OURS(text)


def test_letters_that_its_unicode_does_not_know_are_written_alike():
    newer = "\U0001fbf0 \U00010787"  # a segmented digit, a modifier letter
    assert THEIRS.normalize_str(newer) == OURS(newer) != newer
