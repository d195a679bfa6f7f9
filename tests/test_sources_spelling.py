import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spamft.sources.spelling import (
    composed,
    folded,
    list_like,
    missing_labels,
    stripped,
    variants,
)

WORDS = st.text("aBé ı\u200b\ufeffß", max_size=6)


@given(WORDS)
def test_case_blanks_and_what_nobody_sees_fold_away(word):
    assert folded(f"\ufeff {word}\u200b ".upper()) == folded(word.upper())
    assert folded(unicodedata.normalize("NFD", word)) == folded(word)
    assert folded(folded(word)) == folded(word)


@given(WORDS)
def test_a_stripped_label_keeps_its_inside(word):
    assert stripped(f" \t\ufeff{word}\u3000\n") == stripped(word)
    assert stripped(f" a{word}b ") == f"a{word}b"


def test_labels_that_are_one_but_for_spelling_are_grouped_with_their_counts():
    counts = {"Ham": 1, "ham": 2, "spam": 3, "h am": 4, "Straße": 5, "STRASSE": 6}
    groups = [{"Ham": 1, "ham": 2, "h am": 4}, {"Straße": 5, "STRASSE": 6}]
    assert variants(counts) == groups
    assert composed("cafe\u0301") == "café" == composed("ca\u200bfé")


@pytest.mark.parametrize("label", ["N/A", "nan", "NULL", "None", "-", "?", "", "#N/A"])
def test_what_programs_write_for_nothing_looks_missing(label):
    assert missing_labels(["a", label, "naan", "no", "0"]) == [label]


@pytest.mark.parametrize(
    "labels, lists",
    [
        (["billing", "billing,urgent", "login"], ["billing,urgent"]),
        (["a", "b ; a", "b|c"], ["b ; a"]),
        (["a,b", "b,c", "a,c"], ["a,b", "b,c", "a,c"]),  # none stands alone
        (['["a", "b"]', "['a']", "[x]"], ['["a", "b"]', "['a']"]),
        (["Paris, France", "Lyon, France"], []),
        (["yes, please", "no, thanks", "a-b", "a/b"], []),
    ],
)
def test_labels_that_name_several_are_told_from_names_with_commas(labels, lists):
    assert list_like(dict.fromkeys(labels, 1)) == lists


def test_however_long_a_label_is_it_is_judged_at_once():
    labels = [f"a{blank * 200_000}b" for blank in (" ", "\u200b", "; ", "[", ",")]
    began = time.perf_counter()
    for label in labels:
        assert stripped(label) == label
        assert folded(label) and list_like({label: 1, "c": 2}) is not None
    assert time.perf_counter() - began < 2
