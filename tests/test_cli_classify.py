import io

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
