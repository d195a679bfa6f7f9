import os
import time
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_messages import PIECES, repeated

from spamft.data import (
    Splits,
    balance,
    download,
    encode_labels,
    random_split,
    read_messages,
)
from spamft.sources.duplicates import (
    count_leaks,
    count_shared,
    duplicate_groups,
    leaked_messages,
    near_duplicate_groups,
    put_aside,
)

SHARED = Path(__file__).parents[2] / "shared/data/uci_sms/sms+spam+collection.zip"
UCI_ZIP = Path(os.environ.get("SPAMFT_UCI_ZIP", SHARED))
needs_uci = pytest.mark.skipif(
    not UCI_ZIP.exists(), reason="needs the UCI archive: set SPAMFT_UCI_ZIP to its path"
)
TEXT = "the quick brown fox jumps over the lazy dog again and again"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def frame(texts, label="ham") -> pd.DataFrame:
    return pd.DataFrame({"Label": label, "Text": list(texts)})


texts = st.lists(st.text(max_size=6), min_size=10, max_size=80)


# --- duplicates ------------------------------------------------------------------


@pytest.mark.parametrize(
    "first, second, same",
    [
        ("Call 0800 now!", "call  0900 NOW", True),
        ("Straße, 5", "STRASSE 77", True),
        ("see you", "see yo", False),
        ("a b", "ab", False),
        (":)", ":(", False),
        (":)", ":)", True),
        ("हिन्दी", "हन्द", False),  # vowel signs are letters' marks, not punctuation
        ("win £5", "win 5", True),
    ],
)
def test_case_digits_and_punctuation_do_not_make_messages_different(
    first, second, same
):
    groups = duplicate_groups(frame([first, second]))
    assert (groups[0] == groups[1]) == same


@given(texts, st.integers(0, 9))
def test_a_split_by_groups_leaks_nothing_and_loses_nothing(texts, seed):
    df = frame(texts)
    try:
        splits = random_split(df, groups=duplicate_groups(df), seed=seed)
    except ValueError as error:
        assert "none may be empty" in str(error)  # few large groups
        return
    assert sorted(pd.concat(splits)["Text"]) == sorted(texts)
    assert count_leaks(splits) == {
        "validation": {"exact": 0, "folded": 0},
        "test": {"exact": 0, "folded": 0},
    }


# --- near duplicates -------------------------------------------------------------


def test_messages_that_share_half_of_their_word_runs_are_near_duplicates():
    near = TEXT.replace("the quick", "one quick")  # 8 of 10 different runs are shared
    far = "the quick brown fox jumps high and is gone for good"
    assert near_duplicate_groups(frame([TEXT, near, far])).tolist() == [0, 0, 1]


def test_near_duplicates_of_near_duplicates_are_in_one_group():
    chain = [" ".join(f"w{a}" for a in LETTERS[i : i + 16]) for i in (0, 4, 8)]
    ends = near_duplicate_groups(frame([chain[0], chain[2]]))
    assert ends.nunique() == 2
    assert near_duplicate_groups(frame(chain)).nunique() == 1


@given(texts)
def test_duplicates_are_near_duplicates_and_the_index_is_kept(texts):
    df = frame(texts)
    df.index = [f"row {i}" for i in range(len(df))]
    near, same = near_duplicate_groups(df), duplicate_groups(df)
    assert near.index.equals(df.index)
    assert (near.groupby(same).nunique() == 1).all()


def test_a_phrase_of_very_many_messages_makes_none_of_them_similar():
    ends = [f"{a}{b}" for a in LETTERS for b in LETTERS]
    all_alike = frame(f"i will call you later {end}" for end in ends)
    assert near_duplicate_groups(all_alike[:200]).nunique() == 1
    assert near_duplicate_groups(all_alike[:201]).nunique() == 201


def test_messages_of_few_words_are_only_duplicates():
    df = frame(["see you", "See you!", "see me"])
    assert near_duplicate_groups(df).tolist() == [0, 0, 1]


# --- leaks -----------------------------------------------------------------------


def test_leaks_are_counted_verbatim_and_folded():
    splits = Splits(
        frame(["Call me", "b", "b"]), frame(["call me!", "x"]), frame(["b", "B", "y"])
    )
    assert count_leaks(splits) == {
        "validation": {"exact": 0, "folded": 1},
        "test": {"exact": 1, "folded": 2},
    }


def test_leaked_messages_are_those_of_the_test_part_in_its_order():
    splits = Splits(frame("abc"), frame("a"), frame(["c", "x", "a", "c"]))
    assert leaked_messages(splits) == ["c", "a", "c"]


# --- what balancing put aside ----------------------------------------------------


def test_what_balancing_put_aside_is_in_no_part_nor_are_its_duplicates(messages):
    letters = [f"{text} {chr(97 + i)}" for i, text in enumerate(messages["Text"])]
    messages = messages.assign(Text=letters)  # digits alone would make duplicates
    used = encode_labels(balance(messages))
    splits = random_split(used, 0.5, 0.25)
    more = frame([used["Text"].iloc[0].upper() + "!", "new", "NEW."])
    df = pd.concat([messages, more], ignore_index=True)
    aside = put_aside(df, splits)
    assert aside["Text"].tolist()[-1] == "new"  # the first of its duplicates
    parts = pd.concat(splits)["Text"]
    assert not aside["Text"].isin(parts).any()
    assert len(aside) == len(messages) - len(used) + 1


# --- on the real collection ------------------------------------------------------


@needs_uci
def test_the_lectures_split_leaks_37_messages_verbatim(tmp_path):
    df = read_messages(download(tmp_path, UCI_ZIP), lecture=True)
    splits = random_split(encode_labels(balance(df)), 0.7, 0.1)
    assert count_leaks(splits) == {
        "validation": {"exact": 13, "folded": 16},
        "test": {"exact": 37, "folded": 49},
    }
    assert len(leaked_messages(splits)) == 37


@needs_uci
def test_the_collection_repeats_468_messages_and_nearly_607(tmp_path):
    df = read_messages(download(tmp_path, UCI_ZIP))
    assert len(df) - duplicate_groups(df).nunique() == 468
    assert len(df) - near_duplicate_groups(df).nunique() == 607


# --- bounded work ----------------------------------------------------------------


def test_long_and_hostile_messages_are_compared_in_seconds():
    df = frame([repeated(piece) for piece in PIECES])
    began = time.process_time()
    near = near_duplicate_groups(df)
    assert time.process_time() - began < 20
    assert len(near) == len(df)


def test_thousands_of_labels_are_compared_in_seconds():
    pairs = [a + b for a in LETTERS for b in LETTERS]
    texts = [f"{a}{b} see you" for a in pairs for b in pairs[:50]]
    df = frame(texts, [f"n{i}" for i in range(len(texts))])
    began = time.process_time()
    used = encode_labels(balance(df), sorted(df["Label"]))
    splits = random_split(used, groups=duplicate_groups(used))
    assert count_leaks(splits)["test"] == {"exact": 0, "folded": 0}
    assert put_aside(df, splits).empty
    assert time.process_time() - began < 20


def test_shared_messages_are_those_of_one_frame_that_repeat_one_of_another():
    one = pd.DataFrame({"Text": ["Call 123 now!", "call 7 now", "alone", "!!"]})
    other = pd.DataFrame({"Text": ["CALL 99, now", "?!", "others"]}, index=[5, 6, 7])
    assert count_shared(one, other) == 2
    assert count_shared(other, one) == 1
