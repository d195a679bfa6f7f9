import numpy as np
import pytest

from spamft.data import Splits
from spamft.experiments.finetune import finetune
from spamft.experiments.learners import FrozenFeatures, baseline, learner_for
from spamft.insight.baselines import BASELINES
from spamft.methods.method import METHODS
from spamft.models.precision import precision_of
from spamft.sources import open_model, open_splits


@pytest.fixture
def opened(message_file, small_scratch):
    return open_splits(message_file), open_model("scratch")


def right(run):
    predicted = run.logits["test"].argmax(-1).numpy()
    return (predicted == run.data.splits.test["Label"]).astype(int).tolist()


def test_features_computed_once_learn_as_a_finetuning_does(opened):
    data, model = opened
    learner = learner_for(data, model, METHODS["features"], "cpu")
    assert isinstance(learner, FrozenFeatures)
    every = np.arange(len(data.splits.train))
    run = finetune(data, model, "features")
    learner(every[:8], 1, None)  # leaves no trace in what follows
    assert learner(every, 1, None) == right(run)
    assert np.allclose(learner.logits("test"), run.logits["test"], atol=1e-3)


def test_the_trunk_runs_once_and_is_found_by_the_next_process(opened, tmp_path):
    data, model = opened
    keep, rows = tmp_path / "features.bin", np.arange(10)
    first = FrozenFeatures(data, model, METHODS["features"], "cpu", keep)
    result, lessons = first(rows, 1, None), first.lessons
    assert first.lessons is lessons and lessons.learner.plan.seconds is not None
    again = FrozenFeatures(data, model, METHODS["features"], "cpu", keep)
    assert again(rows, 1, None) == result
    assert again.lessons.learner.plan.seconds is None  # read, not computed


def test_another_method_is_finetuned_on_these_rows_alone(opened):
    data, model = opened
    rows = np.arange(12)[::-1]
    found = learner_for(data, model, METHODS["head"], "cpu")(rows, 3, None)
    train = data.splits.train.iloc[rows].reset_index(drop=True)
    alone = data._replace(splits=Splits(train, train[:1], data.splits.test))
    config = {"epochs": 67, "warmup_steps": 10, "eval_every": 10**9}  # 100 steps of 8
    assert found == right(finetune(alone, model, "head", config=config, seed=3))


@pytest.mark.parametrize("method", ["features", "head"])
def test_a_learner_is_as_precise_as_told(opened, method, every_instruction):
    data, model = opened
    rows, precise = np.arange(12), {"precision": "bf16"}
    found = learner_for(data, model, METHODS[method], "cpu", **precise)
    if method == "features":
        exact = FrozenFeatures(data, model, METHODS[method], "cpu")
        features = [f.lessons.parts.test[0][0] for f in (exact, found)]
        assert precision_of(found.lessons.reader.model.gpt).name == "bf16"
        assert 0 < (features[1] - features[0]).norm() / features[0].norm() < 0.05
    assert len(found(rows, 3, None)) == len(data.splits.test)


def test_a_baseline_learns_from_these_rows_alone(opened):
    data, _ = opened
    train, test = data.splits.train, data.splits.test
    name, rows = "TF-IDF + logistic regression", np.arange(9)
    model = BASELINES[name]().fit(train["Text"][:9], train["Label"][:9])
    assert np.mean(baseline(data, name, rows, 1, None)) == model.score(
        test["Text"], test["Label"]
    )
