import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from spamft.classifier import load
from spamft.data import load_splits
from spamft.gpt import GPTConfig
from spamft.job import Job, finetune
from spamft.tokenizer import load_tokenizer

FILES = {
    "metrics.json",
    "history.csv",
    "loss.png",
    "accuracy.png",
    "confusion.png",
    "train.csv",
    "validation.csv",
    "test.csv",
    "model",
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A very small GPT: the job itself is what is tested."""
    monkeypatch.setattr("spamft.sources.SCRATCH", GPTConfig(4096, 64, 16, 2, 2))


@pytest.fixture
def file(tmp_path) -> Path:
    ham = [f"ham\tsee you at {chr(97 + i)}{chr(98 + i % 5)}" for i in range(20)]
    spam = [f"spam\tWIN {chr(65 + i)} NOW {chr(70 + i % 3)}" for i in range(15)]
    path = tmp_path / "messages.tsv"
    path.write_text("\n".join(ham + spam))
    return path


@pytest.fixture
def quick(file, tmp_path) -> Job:
    return Job(tmp_path / "run", str(file), "scratch", epochs=2, lr=1e-3)


def test_a_run_leaves_what_it_promises(quick):
    lines = []
    metrics = finetune(replace(quick, say=lines.append))
    assert {path.name for path in quick.output.iterdir()} == FILES
    written = json.loads((quick.output / "metrics.json").read_text())
    assert written == json.loads(json.dumps(metrics))
    assert set(written) == {
        *("data", "model", "recipe", "leaks", "trunk", "seconds"),
        *("train", "validation", "test"),
    }
    test = written["test"]
    assert 0 <= test["interval"][0] <= test["accuracy"] <= test["interval"][1] <= 1
    assert set(test["classes"]) == {"ham", "spam"}
    assert sum(map(sum, test["confusion"])) == written["data"]["parts"]["test"]
    stages = {"data", "model", "tokenize", "trunk", "train", "evaluate"}
    assert set(written["seconds"]) == stages
    assert len(pd.read_csv(quick.output / "history.csv")) == 2
    assert any("train / validation / test 21 / 3 / 6" in line for line in lines)


def test_the_saved_parts_and_model_are_those_of_the_run(quick):
    from spamft.batches import SpamDataset, make_bucketed_loader
    from spamft.evaluate import evaluate

    metrics = finetune(quick)
    splits, model = load_splits(quick.output), load(quick.output / "model")
    tokenizer = load_tokenizer(model.tokenizer)
    dataset = SpamDataset(splits.test, tokenizer, model.max_length)
    again = evaluate(model, make_bucketed_loader(dataset))
    assert again.loss == pytest.approx(metrics["test"]["loss"], abs=1e-6)


def test_the_same_seed_gives_the_same_run(quick):
    first = finetune(quick)
    again = finetune(replace(quick, overwrite=True))
    other = finetune(replace(quick, overwrite=True, seed=1))
    assert first["test"] == again["test"] != other["test"]


def test_with_and_without_the_cache_the_figures_are_the_same(quick):
    partly = replace(quick, train="last_block")
    fast = finetune(partly)
    slow = finetune(replace(partly, cache=False, overwrite=True))
    assert fast["trunk"]["blocks"] == 1 and slow["trunk"] is None
    assert fast["trunk"]["tokens"] > 0 <= fast["trunk"]["padding"] < 1
    for part in ("train", "validation", "test"):
        assert fast[part]["loss"] == pytest.approx(slow[part]["loss"], abs=1e-4)
        assert fast[part]["confusion"] == slow[part]["confusion"]


def test_a_run_is_not_overwritten_unasked(quick):
    finetune(quick)
    (quick.output / "notes.txt").write_text("mine")
    before = (quick.output / "metrics.json").read_bytes()
    with pytest.raises(ValueError, match="already holds a run"):
        finetune(quick)
    assert (quick.output / "metrics.json").read_bytes() == before
    finetune(replace(quick, overwrite=True, seed=5))
    assert {p.name for p in quick.output.iterdir()} == FILES | {"notes.txt"}


def test_files_that_are_not_a_runs_are_not_touched(quick, file, tmp_path):
    mine = tmp_path / "train.csv"
    mine.write_text("mine")
    with pytest.raises(ValueError, match=r"files of its names \(train.csv\)"):
        finetune(replace(quick, output=tmp_path))
    mine.rename(tmp_path / "test.csv").write_text(file.read_text())
    own = replace(
        quick, output=tmp_path, data=f"{tmp_path / 'test.csv'}", overwrite=True
    )
    with pytest.raises(ValueError, match="would be overwritten by the run's own file"):
        finetune(own)
    (tmp_path / "model").mkdir()
    with pytest.raises(ValueError, match="model is not a run's"):
        finetune(replace(quick, output=tmp_path, overwrite=True))
    with pytest.raises(ValueError, match="not a folder to write in"):
        finetune(replace(quick, output=file))


def test_an_interrupted_run_replaces_an_older_one_whole(quick, monkeypatch):
    finetune(quick)
    monkeypatch.setattr("spamft.job.fit", lambda *args: [])  # Ctrl-C at once
    metrics = finetune(replace(quick, overwrite=True))
    assert metrics["recipe"]["steps"] == 0 < metrics["recipe"]["planned_steps"]
    assert not (quick.output / "loss.png").exists()
    assert len(pd.read_csv(quick.output / "history.csv")) == 0


def test_a_failed_run_leaves_nothing(quick):
    bad = replace(quick, lr=1e30)
    with pytest.raises(FloatingPointError, match="not finite at step"):
        finetune(bad)
    assert not quick.output.exists()


def test_the_lectures_way(quick, file):
    file.write_text(file.read_text() + '\nham\t"lost\nham\tand lost too"\nham\tlast')
    metrics = finetune(
        replace(
            quick, split="lecture", recipe="lecture", epochs=None, train="last_block"
        )
    )
    assert metrics["data"]["rows"] == 37  # of 38: the parser takes two for one
    assert metrics["model"]["pooling"] == "last"
    assert metrics["recipe"]["planned_steps"] == 5 * (21 // 8)
    assert metrics["model"]["trained_parts"][0] == "block 1"


def test_the_lectures_split_of_a_table(quick, tmp_path):
    path = tmp_path / "mine.csv"
    rows = [f"{n},{n} {chr(97 + i)}" for i in range(12) for n in ("x", "y")]
    path.write_text("Label,Text\n" + "\n".join(rows))
    metrics = finetune(replace(quick, data=str(path), split="lecture"))
    assert list(metrics["data"]["parts"].values()) == [16, 2, 6]


def test_leaks_are_kept_out_or_counted(quick, file):
    file.write_text("\n".join(file.read_text().split("\n") * 2))
    free = finetune(quick)
    leaky = finetune(replace(quick, split="lecture", overwrite=True))
    assert free["leaks"]["test"] == {"exact": 0, "folded": 0}
    assert leaky["leaks"]["test"]["exact"] > 0


def test_without_balancing_all_rows_stay_and_the_rare_class_weighs_more(quick):
    metrics = finetune(replace(quick, balanced=False))
    assert sum(metrics["data"]["parts"].values()) == 35
    ham, spam = metrics["recipe"]["class_weights"]
    assert spam > 1 > ham


def test_many_classes_from_named_columns(quick, tmp_path):
    path = tmp_path / "tickets.csv"
    rows = [
        f"{name},{name} {chr(97 + i)}" for i in range(12) for name in ("x", "y", "z")
    ]
    path.write_text("team,body\n" + "\n".join(rows))
    metrics = finetune(replace(quick, data=str(path), text="body", label="team"))
    assert list(metrics["test"]["classes"]) == ["x", "y", "z"]


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"data": "nothing.tsv"}, "no file 'nothing.tsv'"),
        ({"model": "gpt5"}, "no model 'gpt5'"),
        ({"train": "tail"}, "cannot train 'tail'"),
        ({"split": "other"}, "split 'other' must be"),
        ({"recipe": "other"}, "recipe 'other' must be"),
        ({"batch_size": 0}, "batch_size=0 must be at least 1"),
        (
            {"data": "sample", "text": "body"},
            "columns of a CSV or TSV, not of 'sample'",
        ),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(quick, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        finetune(replace(quick, **change))
    assert not quick.output.exists()
