import io
import json

import pytest

from spamft.cli.main import main


def test_texts_are_labelled_in_their_order(run_folder, capsys):
    assert main(["classify", "--model", str(run_folder), "WIN Z NOW", "see you"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(("spam\t0.", "spam\t1."))
    assert first.endswith("\tWIN Z NOW") and second.startswith("ham\t")


def test_lines_of_standard_input_are_labelled(run_folder, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("WIN Z NOW\n\nsee you at x"))
    assert main(["classify", "--model", str(run_folder / "model")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[2] for line in lines] == ["WIN Z NOW", "", "see you at x"]


def test_a_file_is_written_and_not_overwritten_unasked(run_folder, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,body\n7,WIN Q\n")
    arguments = ["classify", "--model", str(run_folder), "--file", str(source)]
    arguments += ["--text", "body", "--output", str(target)]
    assert main(arguments) == 0
    assert target.read_text().startswith("id,body,predicted,probability_ham,")
    assert main(arguments) == 2
    assert main([*arguments, "--overwrite"]) == 0


def test_a_stored_threshold_is_used_and_one_of_ones_own_overrules_it(
    careful_folder, capsys
):
    shown = {}
    for options in ([], ["--threshold", "0"], ["--threshold", "1"]):
        arguments = ["classify", "--model", str(careful_folder), *options]
        assert main([*arguments, "WIN QQ NOW", "see you at qr"]) == 0
        lines = capsys.readouterr().out.splitlines()
        shown[" ".join(options)] = [line.split("\t")[0] for line in lines]
    assert shown["--threshold 0"] == ["spam", "spam"]
    assert shown["--threshold 1"] == ["unsure", "ham"]
    assert shown[""] == ["spam", "ham"]


def test_json_has_an_object_for_each_text_as_it_comes(run_folder, capsys):
    arguments = ["classify", "--model", str(run_folder), "--json", "--threshold", "1"]
    assert main([*arguments, "WIN Z NOW", "see you\n\u202eat x"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["label"] is None and first["unsure"] is True
    assert first["probabilities"]["spam"] > 0.5
    assert (second["label"], second["unsure"]) == ("ham", False)
    assert second["text"] == "see you\n\u202eat x"


@pytest.mark.parametrize(
    "options, complaint",
    [
        ("--alarm spam", "--alarm goes with --threshold"),
        ("--threshold 1.5", "threshold 1.5 must be from 0 to 1"),
        ("--threshold nan", "threshold nan must be from 0 to 1"),
        ("--threshold 0.5 --alarm eggs", "no class 'eggs' for a threshold"),
        ("--json --file x.csv", "--json goes with texts"),
    ],
)
def test_a_threshold_that_cannot_be_is_refused_in_one_line(
    run_folder, capsys, options, complaint
):
    arguments = ["classify", "--model", str(run_folder), *options.split()]
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert complaint in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_a_precision_is_used_or_refused_and_one_that_is_missing_is_told_of(
    run_folder, capsys, monkeypatch, every_instruction
):
    arguments = ["classify", "--model", str(run_folder), "WIN Z NOW", "see you"]
    labels = []
    for precision in ("auto", "float32", "bf16", "int8"):
        assert main([*arguments, "--precision", precision]) == 0
        lines = capsys.readouterr().out.splitlines()
        labels.append([line.split("\t")[0] for line in lines])
    assert labels == [["spam", "ham"]] * 4
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    assert main([*arguments, "--precision", "int8"]) == 2
    assert "this cpu has no instructions for int8" in capsys.readouterr().err
