"""Who takes part in rivals.py: what else an engineer would take, and spamft's methods.

contender(name, few, folder) -> Contender, which predicts the rest after each draw
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from few import messages
from minilm import WHEEL, embed, minilm_folder
from sklearn.linear_model import LogisticRegression

from spamft.data import Splits
from spamft.experiments.cells import slug
from spamft.experiments.learners import FrozenFeatures, learner_for
from spamft.insight.baselines import words_and_pieces
from spamft.methods.features import regress
from spamft.methods.method import Method, describe, method_named
from spamft.plumbing.checkpoint import digest
from spamft.sources import open_model, open_splits
from spamft.sources.models import Pretrained

__all__ = ["RIVALS", "Contender", "Messages", "contender", "shown"]

# rows to learn from, draw -> class id predicted for each message of the rest
Predict = Callable[[np.ndarray, int], np.ndarray]


class Messages:
    """All messages of a data set, of which each draw labels some."""

    def __init__(self, source: str):
        self.data = open_splits(source, lecture=True)
        self.df = messages(self.data)
        self.texts, self.labels = self.df["Text"].tolist(), self.df["Label"].to_numpy()

    def rest(self, rows: np.ndarray) -> np.ndarray:
        """All rows but these."""
        return np.delete(np.arange(len(self.df)), rows)

    def some(self, rows: np.ndarray) -> list[str]:
        """The texts of these rows."""
        return [self.texts[i] for i in rows]

    def about(self) -> dict:
        """Which messages they are, for the folder of results."""
        content = digest(self.df.to_csv(index=False))
        return {"messages": content, "classes": list(self.data.names)}

    @cached_property
    def embedded(self) -> np.ndarray:
        """(N, 384), by MiniLM."""
        return embed(self.texts)


class Contender(NamedTuple):
    """What is compared, ready to learn."""

    description: Any  # what decides its answers, as JSON
    predict: Predict


def contender(name: str, few: Messages, folder: Path) -> Contender:
    """A key of RIVALS, or MODEL:METHOD; what it computes once is kept in `folder`.

    Raises ImportError for a rival that is not installed.
    """
    if name in RIVALS:
        return RIVALS[name].enter(few)
    return _spamft(name, few, folder)


def shown(name: str) -> str:
    """smollm2:features -> smollm2, frozen features + logistic regression."""
    if name in RIVALS:
        return RIVALS[name].name
    model, _, method = name.rpartition(":")
    return f"{Path(model).stem}, {method_named(method).name}"


def _tfidf(few: Messages) -> Contender:
    def predict(rows: np.ndarray, draw: int) -> np.ndarray:
        model = words_and_pieces().fit(few.some(rows), few.labels[rows])
        return model.predict(few.some(few.rest(rows)))

    return Contender(describe(words_and_pieces), predict)


def _minilm(few: Messages) -> Contender:
    def predict(rows: np.ndarray, draw: int) -> np.ndarray:
        model = LogisticRegression(C=10, max_iter=1000)
        model.fit(few.embedded[rows], few.labels[rows])
        return model.predict(few.embedded[few.rest(rows)])

    return Contender({"body": WHEEL.requirement, "C": 10}, predict)


def _setfit(few: Messages) -> Contender:
    import setfit
    from datasets import Dataset

    def predict(rows: np.ndarray, draw: int) -> np.ndarray:
        model = setfit.SetFitModel.from_pretrained(str(minilm_folder()))
        labelled = {"text": few.some(rows), "label": few.labels[rows].tolist()}
        # its losses go to the log, for the tables alone are wanted in the output
        with tempfile.TemporaryDirectory() as place, redirect_stdout(sys.stderr):
            options = setfit.TrainingArguments(
                output_dir=place, seed=draw, save_strategy="no", report_to="none"
            )
            data = Dataset.from_dict(labelled)
            setfit.Trainer(model=model, args=options, train_dataset=data).train()
            return np.asarray(model.predict(few.some(few.rest(rows))))

    by = {"setfit": setfit.__version__, "body": WHEEL.requirement}
    return Contender(by, predict)


class Rival(NamedTuple):
    """What else an engineer would take."""

    name: str  # for tables
    enter: Callable[[Messages], Contender]


RIVALS = {
    "tfidf": Rival("TF-IDF + SVM", _tfidf),
    "minilm": Rival("MiniLM-L6 + logistic regression", _minilm),
    "setfit": Rival("SetFit on MiniLM-L6", _setfit),
}


def _spamft(key: str, few: Messages, folder: Path) -> Contender:
    name, _, method = key.rpartition(":")
    model, method = open_model(name or "auto"), method_named(method)
    enter = _frozen if method.learn is regress else _trained
    weights = digest(model.gpt.state_dict())
    by = {"method": describe(method), "model": model.name, "weights": weights}
    return Contender(by, enter(few, model, method, folder / f"{slug(key)}.bin"))


def _frozen(few: Messages, model: Pretrained, method: Method, keep: Path) -> Predict:
    """The features of all messages once, a regression on some for each draw."""
    all_of_them = Splits(few.df, few.df[:1], few.df[:1])
    data = few.data._replace(splits=all_of_them)
    features = FrozenFeatures(data, model, method, keep=keep)

    def predict(rows: np.ndarray, draw: int) -> np.ndarray:
        features.fit(rows)
        return features.logits("train").argmax(-1).numpy()[few.rest(rows)]

    return predict


def _trained(few: Messages, model: Pretrained, method: Method, keep: Path) -> Predict:
    """As `spamft labels` trains on few messages: for 100 steps at the least."""

    def predict(rows: np.ndarray, draw: int) -> np.ndarray:
        rest = few.df.loc[few.rest(rows)].reset_index(drop=True)
        data = few.data._replace(splits=Splits(few.df, few.df[:1], rest))
        right = learner_for(data, model, method)(rows, draw, None)
        return np.where(right, rest["Label"], -1)

    return predict
