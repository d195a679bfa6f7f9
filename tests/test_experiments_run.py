import json
from dataclasses import fields, replace

import pandas as pd
import pytest
import torch

import spamft
from spamft.batches import make_bucketed_loader
from spamft.data import encode_labels, load_splits
from spamft.evaluate import evaluate, report
from spamft.experiments.finetune import finetune
from spamft.experiments.run import RESULTS, check_folder, report_dict
from spamft.gpt import GPTConfig
from spamft.methods.lora import lora_layers
from spamft.train import TrainConfig
from spamft.use.predict import dataset_for
from spamft.use.verdict import DecisionRule, Threshold


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("spamft.sources.models.SCRATCH", GPTConfig(4096, 160, 16, 2, 2))


@pytest.fixture
def file(tmp_path):
    ham = [f"ham\tsee you at {chr(97 + i)}{chr(98 + i % 5)}" for i in range(20)]
    spam = [f"spam\tWIN {chr(65 + i)} NOW {chr(70 + i % 3)}" for i in range(15)]
    path = tmp_path / "messages.tsv"
    path.write_text("\n".join(ham + spam))
    return path


def run_of(file, method=None, seed=1):
    config = {"epochs": 2, "lr": 1e-3}
    return finetune(str(file), "scratch", method, config=config, seed=seed)


def test_a_run_leaves_what_it_promises(file, tmp_path):
    run = run_of(file)
    folder = run.save(tmp_path / "run")
    assert {path.name for path in folder.iterdir()} == set(RESULTS)
    written = json.loads((folder / "metrics.json").read_text())
    assert written == json.loads(json.dumps(run.metrics()))
    assert set(written) == {
        *("data", "model", "method", "recipe", "robust", "rule"),
        *("leaks", "trunk", "seconds"),
        *("train", "validation", "test"),
    }
    test = written["test"]
    assert 0 <= test["interval"][0] <= test["accuracy"] <= test["interval"][1] <= 1
    assert set(test["classes"]) == {"ham", "spam"}
    assert sum(map(sum, test["confusion"])) == written["data"]["parts"]["test"]
    stages = {"data", "model", "tokenize", "trunk", "train", "evaluate"}
    assert set(written["seconds"]) == stages
    assert len(pd.read_csv(folder / "history.csv")) == 2


def test_a_recipe_tells_only_what_the_method_uses(file):
    always = {"lecture", "seed", "steps", "epochs_done"}
    for method, used in (
        ("last_block", {f.name for f in fields(TrainConfig)}),
        ("features", {"class_weights"}),
        ("zero-shot", set()),
    ):
        assert set(run_of(file, method).metrics()["recipe"]) == always | used


@pytest.mark.parametrize(
    "method", ["last_block", "lora-4", "qlora-16", "instructions", "zero-shot"]
)
def test_a_saved_run_classifies_as_the_one_in_memory(file, tmp_path, method):
    run = run_of(file, method)
    saved = spamft.load(run.save(tmp_path / "run"))
    for text in ("see you at x", "WIN Q NOW", ""):
        here, there = run.classify(text), saved.classify(text)
        assert here.label == there.label
        assert there.probabilities == pytest.approx(here.probabilities, abs=1e-5)
    if "lora" in method:
        assert lora_layers(run.model) and not lora_layers(saved.model)


def test_the_rule_of_a_run_is_kept_to_the_bit_and_used(file, tmp_path):
    rule = DecisionRule(1 / 3, 7, Threshold("spam", 1.0))
    run = replace(run_of(file), rule=rule)
    folder = run.save(tmp_path / "run")
    saved = spamft.load(folder)
    assert saved.rule == rule
    assert json.loads((folder / "metrics.json").read_text())["rule"] == rule.to_dict()
    for texts in (["see you at x", "WIN Q NOW"], run.data.splits.test["Text"].tolist()):
        for verdict in (*run.classify(texts), *saved.classify(texts)):
            spam = verdict.probabilities["spam"]
            assert verdict.label == (None if spam >= 0.5 else "ham")


def test_the_saved_parts_and_model_are_those_of_the_run(file, tmp_path):
    run = run_of(file)
    folder = run.save(tmp_path / "run")
    saved = spamft.load(folder)
    test = encode_labels(load_splits(folder).test, run.data.names)
    dataset = dataset_for(saved.model, test, saved.tokenizer)
    again = evaluate(saved.model, make_bucketed_loader(dataset))
    assert again.loss == pytest.approx(run.reports["test"].loss, abs=1e-6)


def test_a_run_is_not_overwritten_unasked(file, tmp_path):
    folder = run_of(file).save(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    before = (folder / "metrics.json").read_bytes()
    other = run_of(file, seed=5)
    with pytest.raises(ValueError, match="already holds a run"):
        other.save(folder)
    assert (folder / "metrics.json").read_bytes() == before
    other.save(folder, overwrite=True)
    assert {p.name for p in folder.iterdir()} == {*RESULTS, "notes.txt"}
    assert json.loads((folder / "metrics.json").read_text())["recipe"]["seed"] == 5


def test_what_an_older_run_had_and_this_one_has_not_goes_away(file, tmp_path):
    folder = run_of(file).save(tmp_path / "run")
    run_of(file, "zero-shot").save(folder, overwrite=True)
    assert not (folder / "loss.png").exists()


def test_a_regression_has_no_curve_to_draw(file, tmp_path):
    folder = run_of(file, "features").save(tmp_path / "run")
    drawn = {path.name for path in folder.glob("*.png")}
    assert drawn == {"confusion.png"}


def test_files_that_are_not_a_runs_are_not_touched(file, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"files with its names \(train.csv\)"):
        check_folder(folder)
    (folder / "train.csv").unlink()
    (folder / "model").mkdir()
    with pytest.raises(ValueError, match="model was not written by spamft"):
        check_folder(folder, overwrite=True)
    with pytest.raises(ValueError, match="messages.tsv: it is a file"):
        check_folder(file)


def test_a_save_that_fails_leaves_the_old_run_whole(file, tmp_path, monkeypatch):
    folder = run_of(file).save(tmp_path / "run")
    before = {p.name: p.stat().st_size for p in folder.rglob("*")}

    def fail(*args, **kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr("spamft.experiments.run.save_splits", fail)
    with pytest.raises(OSError, match="no space"):
        run_of(file, seed=5).save(folder, overwrite=True)
    assert {p.name: p.stat().st_size for p in folder.rglob("*")} == before
    assert not list(tmp_path.glob(".*"))


def test_of_few_classes_metrics_have_the_matrix_and_of_many_only_what_is_not_0():
    few, many = (report(torch.eye(k), torch.arange(k)) for k in (20, 21))
    names = [f"class {k}" for k in range(21)]
    shown = json.loads(json.dumps(report_dict(few, names[:20])))
    assert shown["confusion"] == torch.eye(20).tolist() and "cells" not in shown
    shown = json.loads(json.dumps(report_dict(many, names)))
    assert shown["cells"] == [[k, k, 1] for k in range(21)]
    assert list(shown["classes"]) == names and "confusion" not in shown


def test_numbers_as_labels_are_written_as_labels_not_as_ids(tmp_path):
    path = tmp_path / "numbers.csv"
    letters = "abcdefghijkl"
    rows = [f"{2 * n},{letters[n] * 3} {x}" for x in letters for n in range(3)]
    path.write_text("Label,Text\n" + "\n".join(rows))
    run = finetune(str(path), "scratch", config={"epochs": 1})
    folder = run.save(tmp_path / "run")
    assert set(load_splits(folder).train["Label"]) == {0, 2, 4}
