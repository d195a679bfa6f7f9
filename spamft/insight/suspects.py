"""Messages whose label may be wrong: a model trained without them predicts another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    PredefinedSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline

from spamft.plumbing.display import visible

__all__ = ["MOST_LABELS", "Suspect", "find_suspects", "suspects_table"]

# Messages of two labels, above which words are counted instead of character n-grams;
# of more labels, fewer messages. At 20,000 the n-grams take 9 seconds and the words 1;
# the words find nearly as many wrong labels.
LARGE = 20_000
# The model's time grows with the labels: 20,000 messages of as many take 16 seconds.
# More are rarely classes; a column of names or numbers was taken for the label's.
MOST_LABELS = 100


@dataclass(frozen=True)
class Suspect:
    """A message for which a model, trained without it, predicts another label.

    Its string is the finding in words.
    """

    row: int  # of the frame, from 0
    label: str  # given
    predicted: str
    trust: float  # probability that the model gives to the given label, 0..1
    text: str

    def __str__(self) -> str:
        return (
            f"labelled {visible(self.label)} (probability {self.trust:.0%}), predicted "
            f"{visible(self.predicted)}: {self.text[:50]!r}"
        )


def find_suspects(df: pd.DataFrame, groups: pd.Series, most: int = 50) -> list[Suspect]:
    """Rows ranked by how little a model trained without them (and their duplicates)
    trusts their label.

    Duplicates share a number in `groups`, as `duplicate_groups` gives them. No row is
    returned if a label has fewer than two groups, one to learn it from and one to
    check, or if there are more than MOST_LABELS labels. The rank is confident
    learning's self-confidence (Northcutt et al., 2021, arXiv 1911.00068).
    """
    names, given = np.unique(df["Label"], return_inverse=True)
    if len(names) > MOST_LABELS:
        return []
    folds = _folds(df["Label"].to_numpy(), groups.to_numpy())
    if folds is None:
        return []
    probabilities = cross_val_predict(
        _fast_model(len(df) * len(names)),
        df["Text"],
        df["Label"],
        cv=PredefinedSplit(folds),
        method="predict_proba",
    )
    trust = probabilities[np.arange(len(df)), given]
    predicted = probabilities.argmax(1)
    doubtful = np.flatnonzero(predicted != given)
    order = doubtful[np.argsort(trust[doubtful], kind="stable")][:most]
    return [
        Suspect(
            row=int(i),
            label=df["Label"].iat[i],
            predicted=str(names[predicted[i]]),
            trust=float(trust[i]),
            text=df["Text"].iat[i],
        )
        for i in order
    ]


def suspects_table(suspects: Sequence[Suspect]) -> pd.DataFrame:
    """Columns Row (of the file's messages, from 1), Label (the one given), Predicted
    and Text: to be corrected by hand, and merged by `sources.mending.merge_labels`.
    """
    rows = [(s.row + 1, s.label, s.predicted, s.text) for s in suspects]
    return pd.DataFrame(rows, columns=["Row", "Label", "Predicted", "Text"])


def _fast_model(scores: int) -> BaseEstimator:
    """A model that learns labels in seconds: TF-IDF and a logistic regression.

    `scores` are those that it will give, one for each message and label.
    """
    of_characters = {"analyzer": "char_wb", "ngram_range": (2, 4)}
    return make_pipeline(
        TfidfVectorizer(
            min_df=2,  # what occurs once cannot be learned here and used there
            sublinear_tf=True,
            dtype=np.float32,
            **({} if scores > 2 * LARGE else of_characters),
        ),
        # C: of 18 labels of the SMS collection known to be doubtful, the first 50
        # suspects hold 16 with 30, and 12 with 1, scikit-learn's default
        LogisticRegression(C=30, max_iter=300),
    )


def _folds(labels: np.ndarray, groups: np.ndarray, most: int = 5) -> np.ndarray | None:
    """(N,): a fold for each row; groups stay together, each label is spread evenly.

    A group with several labels counts for the rarest of them. None if a label has
    fewer than two groups. StratifiedGroupKFold does the same, but compares every group
    with every fold: 10 seconds for 100,000 messages, as long as all of the audit.
    """
    frame = pd.DataFrame({"label": labels, "group": groups})
    frequency = frame["label"].map(frame["label"].value_counts())
    order = frequency.sort_values(kind="stable").index
    firsts = frame.loc[order].drop_duplicates("group").sort_index()
    sizes = firsts["label"].value_counts().reindex(np.unique(labels), fill_value=0)
    count = min(most, int(sizes.min()))
    if count < 2:
        return None
    fold_of = pd.Series(0, index=firsts["group"])
    dealer = StratifiedKFold(count, shuffle=True, random_state=0)
    for fold, (_, held_out) in enumerate(dealer.split(firsts, firsts["label"])):
        fold_of.iloc[held_out] = fold
    return fold_of[groups].to_numpy()
