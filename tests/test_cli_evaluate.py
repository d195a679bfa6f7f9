import json

import pytest

from spamft.cli.main import main
from spamft.experiments.finetune import finetune


def test_evaluate_repeats_the_runs_metrics(run_folder, capsys):
    arguments = ["evaluate", "--model", str(run_folder)]
    assert main([*arguments, "--data", str(run_folder / "test.csv"), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    expected = json.loads((run_folder / "metrics.json").read_text())["test"]
    assert measured["confusion"] == expected["confusion"]
    assert measured["loss"] == pytest.approx(expected["loss"], abs=1e-6)


def test_evaluate_takes_labels_by_name(run_folder, message_file, capsys):
    arguments = ["evaluate", "--model", str(run_folder / "model"), "--device", "cpu"]
    assert main([*arguments, "--data", str(message_file)]) == 0
    assert "40 examples" in capsys.readouterr().out


def test_numbers_as_labels_stay_what_they_are(tmp_path, capsys, small_scratch):
    path, letters = tmp_path / "numbers.csv", "abcdefghijkl"
    rows = [f"{2 * n},{letters[n] * 3} {x}" for x in letters for n in range(6)]
    path.write_text("Label,Text\n" + "\n".join(rows))
    run = finetune(str(path), "scratch", config={"epochs": 25, "lr": 0.01})
    run.save(tmp_path / "run")
    arguments = ["evaluate", "--model", str(tmp_path / "run"), "--json"]
    assert main([*arguments, "--data", str(tmp_path / "run" / "test.csv")]) == 0
    measured = json.loads(capsys.readouterr().out)
    expected = run.metrics()["test"]["confusion"]
    assert measured["confusion"] == [list(row) for row in expected]
    assert list(measured["classes"]) == ["0", "2", "4", "6", "8", "10"]
