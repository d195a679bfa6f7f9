"""The bundled messages keep what their README promises."""

import re
from collections import defaultdict

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from spamft.data import balance
from spamft.sources import open_messages
from spamft.sources.duplicates import duplicate_groups
from spamft.sources.sample import SAMPLE

each_feature = pytest.mark.parametrize(
    "features",
    [
        CountVectorizer(binary=True, token_pattern=r"(?u)\b\w+\b"),
        CountVectorizer(binary=True, analyzer="char", lowercase=False),
    ],
    ids=["word", "character"],
)


@pytest.fixture(scope="module")
def sample():
    return open_messages("sample").df


@pytest.fixture(scope="module", params=[1, 2, 3])
def balanced(sample, request):
    """(texts, whether each is spam) for one of three draws of ham."""
    df = balance(sample, seed=request.param)
    return df["Text"].tolist(), (df["Label"] == "spam").to_numpy()


def strongest(features: CountVectorizer, texts, spam) -> tuple[str, float]:
    """The one feature whose presence or absence best tells spam, and its accuracy."""
    present = features.fit_transform(texts)
    right = present[spam].sum(0) + (~spam).sum() - present[~spam].sum(0)
    accuracy = np.asarray(right).ravel() / len(texts)
    accuracy = np.maximum(accuracy, 1 - accuracy)
    best = accuracy.argmax()
    return features.get_feature_names_out()[best], float(accuracy[best])


def best_by_length(texts, spam) -> float:
    """The accuracy of the best rule by length: spam from there on, or up to there."""
    lengths = np.array([len(text) for text in texts])
    rules = [((lengths >= n) == spam).mean() for n in range(lengths.max())]
    return max(*rules, 1 - min(rules))


def test_there_is_enough_of_each_class(sample):
    counts = sample["Label"].value_counts()
    assert counts["ham"] >= 1200 and counts["spam"] >= 300


def test_a_fifth_of_each_class_is_hard(sample):
    numbers = (SAMPLE.parent / "hard.txt").read_text().split()
    hard = sample.iloc[[int(number) - 1 for number in numbers]]["Label"].value_counts()
    assert (hard / sample["Label"].value_counts() >= 0.2).all()


def all_differ(messages) -> None:
    """No two are equal when folded, none share six words in a row."""
    assert duplicate_groups(messages).is_unique
    runs = defaultdict(set)
    for place, text in enumerate(messages["Text"]):
        words = re.findall(r"\w+", text.casefold())
        for i in range(len(words) - 5):
            runs[tuple(words[i : i + 6])].add(place)
    assert [run for run, places in runs.items() if len(places) > 1] == []


def test_no_two_messages_are_nearly_equal(sample):
    all_differ(sample)


def reaches_nobody(text: str) -> None:
    """No telephone number, short code or web address that somebody may have."""
    fiction = re.compile(
        r"(44|0)?7700900\d{3}|(1?\d{3})?55501\d\d"  # UK mobile; North America
        r"|(44|0)?(20794|11[3-8]496|1[2-69]1496|1632960|808157)\d+"  # UK landline
        r"|(61|0)?491570\d{3}"  # Australia
    )
    for number in re.findall(r"\+?\d[\d ()-]{6,}\d", text):
        digits = re.sub(r"\D", "", number)
        assert len(digits) < 9 or fiction.fullmatch(digits), number
    # five or six digits to text or to call would be somebody's short code
    code = r"(?i)\b(?:text|sms|reply|call|ring)\b[^.!?\n]{0,30}\s\d{5,6}\b(?![ -]?\d)"
    assert re.findall(code, re.sub(r"0\d{4} \d{6}", "", text)) == []
    for address in re.findall(r"(?i)[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b(?!@)", text):
        assert re.search(r"(?i)(^|\.)example(\.com|\.org)?$|\.test$", address), address


def test_nothing_in_it_can_reach_anybody(sample):
    reaches_nobody("\n".join(sample["Text"]))


def test_a_linear_model_finds_it_neither_trivial_nor_noise(balanced):
    texts, spam = balanced
    model = make_pipeline(
        make_union(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
        ),
        LinearSVC(),
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    assert 0.85 <= cross_val_score(model, texts, spam, cv=folds).mean() <= 0.96


def test_length_alone_does_not_tell(balanced):
    assert best_by_length(*balanced) < 0.70


@each_feature
def test_no_single_word_or_character_is_a_shortcut(balanced, features):
    feature, accuracy = strongest(features, *balanced)
    assert accuracy <= 0.75, f"{feature!r} alone tells {accuracy:.1%}"
