from spamft.cli.main import main


def test_methods_are_named_as_finetune_does_or_as_the_table_does(
    message_file, tmp_path, capsys
):
    arguments = ["compare", "--data", str(message_file), "--model", "tiny"]
    arguments += ["--output", str(tmp_path / "out"), "--seeds", "1", "--epochs", "1"]
    assert main([*arguments, "--only", "head", "TF-IDF + SVM"]) == 0
    shown = capsys.readouterr().out
    assert "| head only | " in shown and "| TF-IDF + SVM | " in shown
    assert (tmp_path / "out" / "compare.csv").exists()
