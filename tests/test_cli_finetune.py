import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from spamft.cli.main import main
from spamft.experiments.run import RESULTS

pytestmark = pytest.mark.usefixtures("small_scratch")


def finetune(file, output, *options: str) -> int:
    arguments = ["finetune", "--data", str(file), "--model", "scratch"]
    return main([*arguments, "--output", str(output), "--epochs", "2", *options])


def metrics_of(folder) -> dict:
    return json.loads((folder / "metrics.json").read_text())


def test_finetune_tells_what_it_does_and_where(message_file, tmp_path, capsys):
    run = tmp_path / "run"
    assert finetune(message_file, run, "--lr", "0.003") == 0
    shown = capsys.readouterr().out
    assert "40 messages (20 ham, 20 spam)" in shown
    assert "parameters train" in shown and "epoch 2.00" in shown
    assert f"results in {run}" in shown
    assert metrics_of(run)["recipe"]["lr"] == 0.003


def test_every_option_reaches_the_run(message_file, tmp_path, every_instruction):
    options = (
        "--seed 7 --split-seed 8 --batch-size 4 --patience 2 --method last_block "
        "--no-balance --pooling mean --max-length 6 --device cpu "
        "--weight-decay 0 --clip-norm 2 --accumulate 2 --eval-every 3 --warmup-steps 1 "
        "--attention full --precision int8"
    )
    assert finetune(message_file, tmp_path / "r", *options.split()) == 0
    metrics = metrics_of(tmp_path / "r")
    recipe = {
        name: metrics["recipe"][name]
        for name in (
            "seed",
            "batch_size",
            "patience",
            "weight_decay",
            "clip_norm",
            "accumulate",
            "eval_every",
            "warmup_steps",
            "epochs",
        )
    }
    assert list(recipe.values()) == [7, 4, 2, 0.0, 2.0, 2, 3, 1, 2]
    assert metrics["recipe"]["class_weights"]
    assert metrics["data"]["split_seed"] == 8 and not metrics["data"]["balanced"]
    assert metrics["model"]["trained_parts"][0] == "block 1"
    assert metrics["model"]["precision"] == {"name": "int8", "blocks": 1}
    assert metrics["model"]["pooling"] == "mean"
    assert metrics["model"]["max_length"] == 6
    assert metrics["model"]["gpt"]["causal"] is False
    assert metrics["method"]["name"] == "last block"


def test_lecture_is_one_option(message_file, tmp_path):
    assert finetune(message_file, tmp_path / "r", "--lecture") == 0
    metrics = metrics_of(tmp_path / "r")
    assert metrics["data"]["lecture"] and metrics["recipe"]["lecture"]
    assert metrics["model"]["pooling"] == "last"


def test_a_robust_run_reads_look_alikes_and_says_what_it_learned(
    message_file, tmp_path, capsys
):
    run = tmp_path / "r"
    assert finetune(message_file, run, "--robust") == 0
    assert "2 edited copies of each message" in capsys.readouterr().out
    assert "a typo a word" in metrics_of(run)["robust"]["drawn"]
    assert (run / "model" / "normalizer.json").exists()
    verdicts = []
    for text in ("WIN Z NOW", "ＷІ\u200bN Ｚ ΝО\u00adW"):
        assert main(["classify", "--model", str(run), text]) == 0
        verdicts.append(capsys.readouterr().out.split("\t")[:2])
    assert verdicts[0] == verdicts[1]


def test_the_lecture_is_not_robust(message_file, tmp_path, capsys):
    assert finetune(message_file, tmp_path / "r", "--lecture", "--robust") == 2
    shown = capsys.readouterr()
    assert "leave one of them out" in shown.err and "parameters" not in shown.out


@pytest.mark.parametrize("method", ["lora-16", "qlora-16", "instructions"])
def test_a_method_is_trained_saved_and_used_again(
    message_file, tmp_path, capsys, method
):
    assert finetune(message_file, tmp_path / "r", "--method", method) == 0
    capsys.readouterr()
    for _ in range(2):
        assert main(["classify", "--model", str(tmp_path / "r"), "WIN Z NOW"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second and first.endswith("\tWIN Z NOW")


def test_a_run_that_is_there_stays_unless_overwritten(message_file, tmp_path, capsys):
    assert finetune(message_file, tmp_path / "r") == 0
    before = (tmp_path / "r" / "metrics.json").read_bytes()
    capsys.readouterr()
    assert finetune(message_file, tmp_path / "r", "--seed", "5") == 2
    shown = capsys.readouterr()
    assert "already holds a run" in shown.err and shown.out == ""  # before any work
    assert (tmp_path / "r" / "metrics.json").read_bytes() == before
    assert finetune(message_file, tmp_path / "r", "--seed", "5", "--overwrite") == 0
    assert metrics_of(tmp_path / "r")["recipe"]["seed"] == 5


@pytest.mark.parametrize("overwrite", [False, True])
def test_ctrl_c_saves_nothing_as_if_it_were_whole(
    message_file, tmp_path, monkeypatch, overwrite
):
    run = tmp_path / "run"
    if overwrite:
        assert finetune(message_file, run) == 0
    before = {p.name: p.stat().st_mtime_ns for p in run.rglob("*")}

    def interrupt(record):  # as Ctrl-C does, in the middle of the training
        raise KeyboardInterrupt

    monkeypatch.setattr("spamft.train.Record.__str__", interrupt)
    options = ["--overwrite"] if overwrite else []
    assert finetune(message_file, run, *options) == 130
    assert {p.name: p.stat().st_mtime_ns for p in run.rglob("*")} == before
    assert run.exists() == overwrite and not list(tmp_path.glob(".*"))


def test_a_failed_run_leaves_nothing(message_file, tmp_path, capsys):
    assert finetune(message_file, tmp_path / "r", "--lr", "1e30") == 2
    assert "not finite at step" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def of_classes(path, names, each=6):
    """A CSV with so many messages of every class, which its words tell."""
    # letters, as messages that differ in digits alone are kept in one part
    rows = [
        f'"{name}",topic{chr(97 + k % 26)}{chr(97 + k // 26)} {chr(97 + n)}'
        for k, name in enumerate(names)
        for n in range(each)
    ]
    path.write_text("label,text\n" + "\n".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "names", [("$$", "$$$"), ("$x^$", "_^{}"), (r"\\frac{", "a"), ("😀", "שלום")]
)
def test_labels_are_drawn_as_they_are(tmp_path, capfd, names):
    data = of_classes(tmp_path / "data.csv", names, each=20)
    assert finetune(data, tmp_path / "r") == 0
    assert set(metrics_of(tmp_path / "r")["test"]["classes"]) == set(names)
    assert {path.name for path in (tmp_path / "r").iterdir()} == set(RESULTS)
    assert capfd.readouterr().err == ""


@pytest.mark.filterwarnings("error")
def test_labels_that_no_font_has_are_numbers_and_one_line_says_so(tmp_path, capfd):
    data = of_classes(tmp_path / "data.csv", ["\U0010fffd", "\U0010fffc"], each=20)
    assert finetune(data, tmp_path / "r") == 0
    shown = capfd.readouterr()
    told = "confusion.png: no font has \U0010fffc, \U0010fffd: they are drawn as 0, 1"
    assert shown.out.splitlines()[-1] == told and shown.err == ""


def test_many_classes_take_few_lines_and_a_small_picture(tmp_path, capsys):
    data = of_classes(tmp_path / "data.csv", [f"intent_{k:03d}" for k in range(150)])
    run = tmp_path / "r"
    assert finetune(data, run, "--method", "head", "--epochs", "1") == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) < 50 and max(map(len, shown.splitlines())) < 400
    assert "140 classes more: all of them in metrics.json" in shown
    width, height = Image.open(run / "confusion.png").size
    assert width <= 1350 and height <= 1200
    assert len(metrics_of(run)["test"]["classes"]) == 150
    assert main(["evaluate", "--model", str(run), "--data", str(data)]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) < 30 and "all of them with --json" in shown


def test_a_picture_that_fails_costs_neither_the_model_nor_the_exit_code(
    message_file, tmp_path, monkeypatch, capsys
):
    def fail(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("spamft.experiments.pictures.plot_confusion", fail)
    assert finetune(message_file, tmp_path / "r") == 0
    shown = capsys.readouterr()
    assert "confusion.png could not be drawn: MemoryError\n" in shown.out
    assert shown.err == ""
    assert main(["classify", "--model", str(tmp_path / "r"), "WIN Z NOW"]) == 0


@pytest.mark.parametrize("place", ["messages.tsv", "messages.tsv/run", "x" * 250])
def test_an_output_that_cannot_be_made_is_refused_by_its_name_before_any_work(
    message_file, tmp_path, capsys, place
):
    before = {path.name for path in tmp_path.iterdir()}
    assert finetune(message_file, tmp_path / place) == 2
    shown = capsys.readouterr()
    assert f"spamft: cannot write to {tmp_path / place}"[:200] in shown.err
    assert shown.out == "" and shown.err.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(os.name == "nt", reason="a Unix shell disturbs them")
@pytest.mark.parametrize(
    "disturbed", ["| head -1", ">&-", "2>&-", "<&-", "> /dev/full"]
)
def test_a_reader_that_goes_away_does_not_lose_the_training(
    message_file, tmp_path, disturbed
):
    line = (
        '"$0" -m spamft finetune --data "$1" --model scratch --method head '
        f'--epochs 1 --output "$2" {disturbed}'
    )
    out = tmp_path / "run"
    command = ["sh", "-c", line, sys.executable, str(message_file), str(out)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0 and "Traceback" not in ended.stderr
    assert metrics_of(out)["recipe"]["steps"] > 0
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_rate_of_false_alarms_reaches_the_card(tmp_path, capsys):
    rows = [f"ham\tsee you at {chr(97 + i)}" for i in range(60)]
    rows += [f"news\tbe there at {chr(97 + i)}" for i in range(50)]
    rows += [f"spam\tWIN {chr(65 + i)} NOW" for i in range(20)]
    path, run = tmp_path / "three.tsv", tmp_path / "r"
    path.write_text("\n".join(["Label\tText", *rows]))
    assert finetune(path, run, "--false-alarms", "10%") == 2
    assert "--alarm NAME says it" in capsys.readouterr().err
    assert finetune(path, run, "--false-alarms", "10%", "--alarm", "spam") == 0
    assert "for at most 10 % false alarms" in capsys.readouterr().out
    card = json.loads((run / "model" / "classifier.json").read_text())
    assert card["rule"] == metrics_of(run)["rule"]
    assert card["rule"]["threshold"]["label"] == "spam"
    assert card["rule"]["threshold"]["evidence"]["rate"] == 0.1


@pytest.mark.parametrize(
    "options, complaint",
    [
        ("--false-alarms 150%", "'150%' is no share between 0 and 1"),
        ("--false-alarms few", "'few' is no share between 0 and 1"),
        ("--alarm spam", "add --false-alarms 1%, say"),
        ("--false-alarms 1% --alarm eggs", "no class 'eggs' for a threshold"),
        ("--false-alarms 1%", "at least 99 are needed"),
    ],
)
def test_a_threshold_that_cannot_be_chosen_is_refused_before_any_work(
    message_file, tmp_path, capsys, options, complaint
):
    assert finetune(message_file, tmp_path / "r", *options.split()) == 2
    shown = capsys.readouterr()
    assert complaint in shown.err and shown.err.count("\n") == 1
    assert "parameters train" not in shown.out and not (tmp_path / "r").exists()
