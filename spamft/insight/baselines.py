"""What a finetuned model must beat: no GPT, no GPU, seconds.

Each is a scikit-learn estimator of texts: `fit(texts, labels)`, `predict(texts)`.
"""

from collections.abc import Callable, Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

__all__ = ["BASELINES", "length_rule", "majority_class", "words", "words_and_pieces"]


def majority_class() -> BaseEstimator:
    """Predicts the most frequent label of training for every message."""
    return DummyClassifier(strategy="most_frequent")


def length_rule() -> BaseEstimator:
    """The best threshold, in training, on the number of characters."""
    return make_pipeline(
        FunctionTransformer(_lengths), DecisionTreeClassifier(max_depth=1)
    )


def words() -> BaseEstimator:
    """TF-IDF of words, and a logistic regression."""
    # A weaker penalty than scikit-learn's C=1, so that words of few messages count;
    # on our collections the two differ by less than their intervals. The optimiser may
    # then take more than its usual 100 steps.
    return make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=1000))


def words_and_pieces() -> BaseEstimator:
    """TF-IDF of words, word pairs and runs of 2 to 5 letters, and a linear SVM."""
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    return make_pipeline(features, LinearSVC())


BASELINES: dict[str, Callable[[], BaseEstimator]] = {
    "majority class": majority_class,
    "length rule": length_rule,
    "TF-IDF + logistic regression": words,
    "TF-IDF + SVM": words_and_pieces,
}


def _lengths(texts: Sequence[str]) -> np.ndarray:
    return np.array([[len(text)] for text in texts])
