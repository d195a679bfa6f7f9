"""The locked notices keep what their README promises, and nothing trains on them."""

import re
from itertools import groupby

import pandas as pd
import pytest
from test_sources_sample import (
    all_differ,
    best_by_length,
    each_feature,
    reaches_nobody,
    strongest,
)

from spamft.data import balance
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_messages
from spamft.sources.duplicates import near_duplicate_groups
from spamft.sources.locked import LOCKED, locked_notices


@pytest.fixture(scope="module")
def locked():
    return locked_notices()


@pytest.fixture(params=[1, 2, 3])
def balanced(locked, request):
    """(texts, whether each is spam) for one of three draws of ham."""
    df = balance(locked, seed=request.param)
    return df["Text"].tolist(), (df["Label"] == "spam").to_numpy()


def test_there_are_150_notices_and_50_imitations(locked):
    assert list(locked.columns) == ["Label", "Text"]
    assert locked["Label"].value_counts().to_dict() == {"ham": 150, "spam": 50}


def test_the_kinds_follow_each_other_as_its_readme_says(locked):
    table = (LOCKED.parent / "README.md").read_text(encoding="utf-8")
    counts = re.findall(r"\| (\d+) \| (\d+) \|", table)
    runs = [len(list(run)) for _, run in groupby(locked["Label"])]
    assert runs == [int(count) for kind in counts for count in kind]


def test_no_name_trains_on_it():
    with pytest.raises(SpamftError, match="no file 'locked'"):
        open_messages("locked")


def test_nothing_in_it_can_reach_anybody(locked):
    reaches_nobody("\n".join(locked["Text"]))


@pytest.mark.parametrize("name", ["sample", "intents"])
def test_it_has_nothing_in_common_with_what_is_trained_on(locked, name):
    both = pd.concat([locked, open_messages(name).df], ignore_index=True)
    all_differ(both)
    groups = near_duplicate_groups(both)
    assert groups[: len(locked)].is_unique
    assert not groups[: len(locked)].isin(groups[len(locked) :]).any()


def test_length_alone_does_not_tell(balanced):
    assert best_by_length(*balanced) < 0.75


@each_feature
def test_no_single_word_or_character_is_a_shortcut(balanced, features):
    feature, accuracy = strongest(features, *balanced)
    assert accuracy < 0.75, f"{feature!r} alone tells {accuracy:.1%}"
