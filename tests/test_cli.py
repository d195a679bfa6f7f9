import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from spamft.cli import main
from spamft.gpt import GPTConfig


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("spamft.sources.SCRATCH", GPTConfig(4096, 64, 16, 2, 2))


@pytest.fixture
def file(tmp_path) -> Path:
    rows = [f"ham\tsee you at {chr(97 + i)}" for i in range(20)]
    rows += [f"spam\tWIN {chr(65 + i)} NOW" for i in range(20)]
    path = tmp_path / "messages.tsv"
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def run(file, tmp_path, capsys) -> Path:
    """The folder of a finished, well trained run."""
    output = tmp_path / "run"
    arguments = f"finetune --data {file} --model scratch --output {output} --epochs 12"
    assert main([*arguments.split(), "--lr", "0.003"]) == 0
    capsys.readouterr()
    return output


def test_finetune_says_what_it_does_and_where(file, tmp_path, capsys):
    run = tmp_path / "run"
    arguments = f"finetune --data {file} --model scratch --output {run} --epochs 2"
    assert main([*arguments.split(), "--lr", "0.003"]) == 0
    said = capsys.readouterr().out
    assert "40 messages (20 ham, 20 spam)" in said
    assert "parameters train" in said and "epoch 2.00" in said
    assert f"results in {run}" in said
    assert json.loads((run / "metrics.json").read_text())["recipe"]["lr"] == 0.003


def test_options_reach_the_recipe(file, tmp_path):
    arguments = (
        f"finetune --data {file} --model scratch --output {tmp_path / 'r'} --seed 7 "
        "--split-seed 8 --epochs 1 --batch-size 4 --patience 2 --train 1 --no-balance "
        "--bf16"
    )
    assert main(arguments.split()) == 0
    metrics = json.loads((tmp_path / "r/metrics.json").read_text())
    recipe = metrics["recipe"]
    assert (recipe["seed"], recipe["batch_size"], recipe["patience"]) == (7, 4, 2)
    assert recipe["bf16"] and recipe["class_weights"]
    assert metrics["data"]["split_seed"] == 8 and not metrics["data"]["balanced"]
    assert metrics["model"]["trained_parts"][0] == "block 1"


def test_lecture_stands_for_both_its_choices(file, tmp_path):
    arguments = f"finetune --data {file} --model scratch --output {tmp_path / 'r'}"
    assert main([*arguments.split(), "--lecture", "--epochs", "1"]) == 0
    metrics = json.loads((tmp_path / "r/metrics.json").read_text())
    assert metrics["data"]["split"] == "lecture" and metrics["recipe"]["as_lecture"]
    assert metrics["model"]["pooling"] == "last"


def test_evaluate_repeats_the_runs_figures(run, capsys):
    model, data = run / "model", run / "test.csv"
    assert main(["evaluate", "--model", str(model), "--data", str(data), "--json"]) == 0
    said = capsys.readouterr().out
    measured = json.loads(said)
    expected = json.loads((run / "metrics.json").read_text())["test"]
    assert measured["confusion"] == expected["confusion"]
    assert measured["loss"] == pytest.approx(expected["loss"], abs=1e-6)


def test_evaluate_takes_labels_by_name(run, file, capsys):
    assert main(["evaluate", "--model", f"{run / 'model'}", "--data", str(file)]) == 0
    assert "40 examples" in capsys.readouterr().out


def test_numbers_as_labels_stay_what_they_are(tmp_path, capsys):
    path = tmp_path / "numbers.csv"
    rows = [f"{2 * n},{chr(97 + n) * 3} {i}" for i in range(12) for n in range(6)]
    path.write_text("Label,Text\n" + "\n".join(rows))
    output = tmp_path / "run"
    arguments = f"finetune --data {path} --model scratch --output {output} --epochs 25"
    assert main([*arguments.split(), "--lr", "0.01", "--split", "lecture"]) == 0
    capsys.readouterr()
    arguments = f"evaluate --model {output / 'model'} --data {output / 'test.csv'}"
    assert main([*arguments.split(), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    expected = json.loads((output / "metrics.json").read_text())["test"]
    assert measured["confusion"] == expected["confusion"]
    assert list(measured["classes"]) == ["0", "2", "4", "6", "8", "10"]


def test_classify_texts(run, capsys):
    capsys.readouterr()
    assert (
        main(["classify", "--model", f"{run / 'model'}", "WIN Z NOW", "see you"]) == 0
    )
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("spam\t0.") or first.startswith("spam\t1.")
    assert first.endswith("\tWIN Z NOW") and second.startswith("ham\t")


def test_classify_standard_input(run, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("WIN Z NOW\n\nsee you at x"))
    assert main(["classify", "--model", f"{run / 'model'}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[2] for line in lines] == ["WIN Z NOW", "", "see you at x"]


def test_classify_a_file_keeps_its_columns_and_order(run, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('id,body\n7,"WIN, Q\nNOW"\n8,see you at k\n9,"WIN, Q\nNOW"\n')
    arguments = ["classify", "--model", f"{run / 'model'}", "--file", str(source)]
    arguments += ["--text", "body", "--output", str(target)]
    assert main(arguments) == 0
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["7", "8", "9"]
    assert rows[0]["body"] == "WIN, Q\nNOW" and rows[0]["predicted"] == "spam"
    chances = [float(rows[1][f"probability_{name}"]) for name in ("ham", "spam")]
    assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert main(arguments) == 2  # not overwritten unasked
    assert main([*arguments, "--overwrite"]) == 0


def test_a_file_that_breaks_half_way_leaves_no_output(run, tmp_path, capsys):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("Text,n\na,1\nb\n")
    arguments = ["classify", "--model", f"{run / 'model'}", "--file", str(source)]
    assert main([*arguments, "--output", str(target)]) == 2
    assert f"{source}:3: expected 2 columns" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.glob("*out.csv*")) == []


def test_pretrain_makes_a_model_that_finetunes(file, tmp_path, capsys, monkeypatch):
    pytest.importorskip("tokenizers")
    monkeypatch.setattr("torch.compile", lambda function: function)
    text, folder = tmp_path / "text.txt", tmp_path / "small"
    text.write_text("the cat sat on the mat at number 7\n" * 2000)
    (tmp_path / "licences.md").write_text("All mine.")
    arguments = (
        f"pretrain --text {text} --output {folder} --steps 2 --batch-size 2 --width 8 "
        "--vocab-size 300 --context 32 --layers 1 --heads 1 --report-every 1 "
        f"--licences {tmp_path / 'licences.md'}"
    )
    assert main(arguments.split()) == 0
    assert "step      2" in capsys.readouterr().out
    assert "All mine." in (folder / "README.md").read_text()
    arguments = f"finetune --data {file} --model {folder} --output {tmp_path / 'run'}"
    assert main([*arguments.split(), "--epochs", "1"]) == 0
    assert main(["classify", "--model", f"{tmp_path / 'run/model'}", "see you"]) == 0


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ("", "required: COMMAND"),
        ("finetune", "the following arguments are required: --output"),
        ("finetune --data x --model scratch --output o", "no file 'x'"),
        ("finetune --data x --model scratch --output o --lr fast", "invalid float"),
        (
            "finetune --data x --model scratch --output o --lecture --split lecture",
            "--lecture already chooses",
        ),
        ("finetune --data sample --model tiny --output o --epochs 0", "epochs=0 must"),
        ("classify --model nowhere hello", "nowhere holds no saved classifier"),
        ("classify --model m a --file b", "give texts or --file, not both"),
        ("classify --model m a --output b", "--output goes with --file"),
        ("evaluate --model nowhere --data x", "nowhere holds no saved classifier"),
    ],
)
def test_an_error_is_one_line_and_code_2(arguments, complaint, capsys, tmp_path):
    assert main(arguments.split()) == 2
    said = capsys.readouterr()
    assert complaint in said.err and said.err.count("\n") == 1
    assert said.err.startswith("spamft: ") and said.out == ""


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match="no file"):
        main("finetune --data x --model scratch --output o --debug".split())  # noqa: SIM905


@pytest.mark.parametrize(
    "command", ["", "finetune", "evaluate", "classify", "pretrain"]
)
def test_help_is_there_for_every_command(command):
    shown = subprocess.run(
        [sys.executable, "-m", "spamft", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "usage: python -m spamft" in shown.stdout
