import json
from dataclasses import replace

import pytest
from finished_runs import finished

from spamft.export.model_card import in_code, model_card
from spamft.gpt import GPT, GPTConfig
from spamft.models.normalizer import Normalizer, NormalizingEncoding
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.scores import wilson
from spamft.use.verdict import Evidence, Threshold, show_share

SIZES = GPTConfig(257, 128, 16, 2, 2)


@pytest.fixture
def run(tokenizer, tmp_path):
    return finished(tmp_path, GPT(SIZES), tokenizer)


def test_it_has_every_section_and_the_runs_numbers(run):
    card = model_card(run, "onnx", "use it", "checked")
    for title in (
        "Use",
        "Data",
        "Method",
        "Scores",
        "Calibration",
        "Limits",
        "Licences",
    ):
        assert f"\n## {title}\n" in card
    test = run.metrics["test"]
    assert f"accuracy {show_share(test['accuracy'])} (95 %" in card
    assert card.startswith("---\nlibrary_name: onnx\n") and "use it" in card
    assert "not known to spamft" in card  # whose data a file is


def test_rates_of_a_class_have_wilsons_intervals_of_whole_counts(run):
    classes = run.metrics["test"]["classes"]
    confusion = run.metrics["test"]["confusion"]
    card = model_card(run, "onnx", "", "")
    for k, (name, each) in enumerate(classes.items()):
        hits, claims = confusion[k][k], sum(row[k] for row in confusion)
        cells = [f"| {name} |"]
        for of in (each["support"], claims):
            low, high = map(show_share, wilson(hits, of))
            cells.append(
                f"{show_share(hits / of)} ({low} to {high})" if of else "no mess"
            )
        line = next(x for x in card.splitlines() if x.startswith(cells[0]))
        assert all(cell in line for cell in cells)


def test_a_threshold_is_told_with_its_evidence(run):
    evidence = Evidence(0.01, "other messages", 100, 100, 2)
    rule = run.saved.rule.__class__(1.5, 40, Threshold("spam", 0.9, evidence))
    saved = run.saved.__class__(run.saved.model, run.saved.tokenizer, (), rule)
    card = model_card(run._replace(saved=saved), "onnx", "", "")
    assert "threshold 0.9 for spam, chosen on 100 other messages" in card
    assert "`unsure`" in card and "temperature 1.50" in card


def test_a_normalizer_is_told_with_what_is_not_carried(run):
    reads = NormalizingEncoding(run.saved.tokenizer, Normalizer())
    card = model_card(
        run._replace(saved=replace(run.saved, tokenizer=reads)), "", "", ""
    )
    line = "Texts are read as people see them"
    assert line in card and line not in model_card(run, "", "", "")


def test_a_regression_has_no_learning_rate(run):
    assert "batches of" in model_card(run, "onnx", "", "")
    for name in ("batch_size", "lr"):
        del run.metrics["recipe"][name]
    assert "batches of" not in (card := model_card(run, "onnx", "", ""))
    assert "steps, seed " in card


def test_folders_of_the_machine_are_left_out(run):
    run.metrics["model"]["source"] = "/home/me/secret/base"
    run.metrics["data"]["source"] = r"the SMS Spam Collection, C:\mine\it.tsv"
    card = model_card(run, "onnx", "", "")
    assert "secret" not in card and "mine" not in card.split("## Data")[0]
    assert "CC BY 4.0" in card


def test_names_of_strangers_format_nothing(tokenizer, tmp_path):
    run = finished(tmp_path, GPT(SIZES), tokenizer, ("<b>|x`", "[y](z)"))
    card = model_card(run, "onnx", "", "")
    assert "<b>" not in card and "&lt;b&gt;\\|x" in card and "[y](z)" not in card


def test_what_stands_in_code_cannot_end_it():
    hostile = 'a"\n```\nimport os'
    assert json.loads(in_code(hostile)) == hostile
    assert "`" not in in_code(hostile) and "\n" not in in_code(hostile)


@pytest.mark.parametrize("part", ["data", "model", "test", "leaks", "recipe"])
def test_a_damaged_metrics_file_is_one_line(run, part):
    del run.metrics[part]
    with pytest.raises(
        SpamftError, match="metrics.json is not that of a run: KeyError"
    ):
        model_card(run, "onnx", "", "")
