"""The bundled intents keep what their README promises."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from test_sources_sample import all_differ, reaches_nobody

from spamft.insight.baselines import length_rule, words_and_pieces
from spamft.sources import open_messages

NAMES = ["news", "promise", "question", "request"]


@pytest.fixture(scope="module")
def intents():
    return open_messages("intents").df


def strongest(features: CountVectorizer, df) -> tuple[str, float]:
    """The feature whose presence tells one class and whose absence another the best,
    and how often that is right."""
    present = features.fit_transform(df["Text"]).toarray().astype(bool)
    labels = df["Label"].to_numpy()[:, None]
    there = [(present & (labels == name)).sum(0) for name in NAMES]
    absent = [(~present & (labels == name)).sum(0) for name in NAMES]
    right = [a + b for k, a in enumerate(there) for j, b in enumerate(absent) if j != k]
    accuracy = np.max(right, axis=0) / len(df)
    best = accuracy.argmax()
    return features.get_feature_names_out()[best], float(accuracy[best])


def test_there_is_enough_of_each_class(intents):
    counts = intents["Label"].value_counts()
    assert sorted(counts.index) == NAMES
    assert len(intents) >= 1200 and counts.min() >= 250


def test_no_two_messages_are_nearly_equal(intents):
    all_differ(intents)


def test_nothing_in_it_can_reach_anybody(intents):
    reaches_nobody("\n".join(intents["Text"]))


def test_words_alone_find_it_neither_trivial_nor_noise(intents):
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    texts, labels = intents["Text"], intents["Label"]
    scores = cross_val_score(words_and_pieces(), texts, labels, cv=folds)
    assert 0.50 <= scores.mean() <= 0.75


def test_length_alone_tells_little(intents):
    texts, labels = intents["Text"].tolist(), intents["Label"]
    assert cross_val_score(length_rule(), texts, labels, cv=5).mean() < 0.35


@pytest.mark.parametrize(
    "features",
    [
        CountVectorizer(binary=True, token_pattern=r"(?u)\b\w+\b"),
        CountVectorizer(binary=True, analyzer="char", lowercase=False),
    ],
    ids=["word", "character"],
)
def test_no_single_word_or_character_is_a_shortcut(intents, features):
    feature, accuracy = strongest(features, intents)
    assert accuracy <= 0.40, f"{feature!r} alone tells {accuracy:.1%}"
