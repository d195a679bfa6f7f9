import json

import pytest

from spamft.cli.main import main
from spamft.experiments.finetune import finetune
from spamft.use.saved import load


def test_evaluate_repeats_the_runs_metrics(run_folder, capsys):
    arguments = ["evaluate", "--model", str(run_folder)]
    assert main([*arguments, "--data", str(run_folder / "test.csv"), "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    expected = json.loads((run_folder / "metrics.json").read_text())["test"]
    assert measured["confusion"] == expected["confusion"]
    assert measured["loss"] == pytest.approx(expected["loss"], abs=1e-6)


def test_evaluate_takes_labels_by_name(run_folder, message_file, capsys):
    arguments = ["evaluate", "--model", str(run_folder / "model"), "--device", "cpu"]
    arguments += ["--data", str(message_file)]
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "40 examples" in shown
    assert main([*arguments, "--json"]) == 0
    locked = json.loads(capsys.readouterr().out)["locked"]
    for name, of in (("recall", 50), ("false_alarms", 150)):
        assert f"{locked[name]['count']} of {of}" in shown.partition("locked")[2]


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
    assert measured["locked"] is None  # notices are ham or spam


def evaluated(folder, *options: str) -> list[str]:
    return ["evaluate", "--model", str(folder), *options]


def test_a_stored_threshold_is_measured_at_the_users_share(careful_folder, capsys):
    test = str(careful_folder / "test.csv")
    options = ("--data", test, "--share", "1%")
    assert main(evaluated(careful_folder, *options, "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    rule = load(careful_folder).rule
    assert found["rule"] == rule.to_dict() and rule.temperature != 1
    loss = {key: found[key] for key in ("loss", "calibration_error")}
    assert set(found["calibrated"]) == set(loss) and found["calibrated"] != loss
    alarms = found["alarms"]
    assert alarms["recall"]["of"] + alarms["false_alarms"]["of"] == found["examples"]
    low, high = alarms["at_share"]["interval"]
    assert 0 < low <= alarms["at_share"]["precision"] <= high <= 1
    assert main(evaluated(careful_folder, *options)) == 0
    shown = capsys.readouterr().out
    assert "where 1 % are spam: precision" in shown and "false alarms:" in shown
    assert str(rule) in shown and "calibrated: loss" in shown


def test_a_threshold_is_chosen_on_one_file_and_measured_on_another(
    run_folder, tmp_path, capsys
):
    for name, letters in (("choose", "abcdefghij"), ("data", "klmnopqrst")):
        rows = [f"ham\tsee you at {a}{b}" for a in letters for b in letters]
        rows += [f"spam\tWIN {a} NOW" for a in letters]
        (tmp_path / f"{name}.tsv").write_text("\n".join(rows))
    options = ["--data", str(tmp_path / "data.tsv"), "--false-alarms", "2%"]
    options += ["--threshold-from", str(tmp_path / "choose.tsv")]
    assert main(evaluated(run_folder, *options)) == 0
    shown = capsys.readouterr().out
    assert "chosen on 100 other messages of" in shown and "of 100 others" in shown
    assert "that takes 150" in shown
    command = shown.splitlines()[-1].partition("use it: ")[2].split()
    assert command[:2] == ["spamft", "classify"]
    assert main([*command[1:], "WIN Z NOW"]) == 0
    assert main(evaluated(run_folder, *options, "--json")) == 0
    threshold = json.loads(capsys.readouterr().out.partition("\n")[2])["rule"]
    assert repr(threshold["threshold"]["value"]) in command


def test_messages_that_choose_and_measure_are_counted(run_folder, message_file, capsys):
    options = ["--data", str(message_file), "--threshold-from", str(message_file)]
    assert main(evaluated(run_folder, *options, "--false-alarms", "10%")) == 0
    assert "note: 40 messages also chose the threshold" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options, complaint",
    [
        ("--false-alarms 1%", "--threshold-from and --false-alarms go together"),
        ("--threshold-from FILE", "--threshold-from and --false-alarms go together"),
        ("--share 2", "'2' is no share between 0 and 1, such as 0.2% or 0.002"),
        ("--share 1% --alarm eggs", "no class 'eggs' for a threshold"),
        (
            "--threshold-from FILE --false-alarms 1%",
            "20 messages cannot choose a threshold for 1 % false alarms: at least 99",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    run_folder, message_file, capsys, options, complaint
):
    options = options.replace("FILE", str(message_file)).split()
    assert main(evaluated(run_folder, "--data", str(message_file), *options)) == 2
    shown = capsys.readouterr()
    assert complaint in shown.err and shown.err.count("\n") == 1 and not shown.out
