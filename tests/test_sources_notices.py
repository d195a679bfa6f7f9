"""The notices that are learned keep what their README promises."""

import pandas as pd
import pytest
from test_sources_sample import (
    all_differ,
    best_by_length,
    each_feature,
    reaches_nobody,
    strongest,
)

from spamft.sources import open_messages
from spamft.sources.duplicates import near_duplicate_groups
from spamft.sources.locked import locked_notices
from spamft.sources.notices import notices


@pytest.fixture(scope="module")
def learned():
    return notices()


@pytest.fixture(scope="module")
def marked(learned):
    """(texts, whether each is spam)."""
    return learned["Text"].tolist(), (learned["Label"] == "spam").to_numpy()


def test_there_are_as_many_as_its_readme_says(learned):
    assert list(learned.columns) == ["Label", "Text"]
    assert learned["Label"].value_counts().to_dict() == {"spam": 288, "ham": 282}


def test_nothing_in_it_can_reach_anybody(learned):
    reaches_nobody("\n".join(learned["Text"]))


@pytest.mark.parametrize("name", ["locked", "sample", "intents"])
def test_it_has_nothing_in_common_with_what_is_measured_on(learned, name):
    other = locked_notices() if name == "locked" else open_messages(name).df
    both = pd.concat([learned, other], ignore_index=True)
    all_differ(both)
    groups = near_duplicate_groups(both)
    assert groups[: len(learned)].is_unique
    assert not groups[: len(learned)].isin(groups[len(learned) :]).any()


def test_length_alone_does_not_tell(marked):
    assert best_by_length(*marked) < 0.75


@each_feature
def test_no_single_word_or_character_is_a_shortcut(marked, features):
    feature, accuracy = strongest(features, *marked)
    assert accuracy < 0.75, f"{feature!r} alone tells {accuracy:.1%}"
