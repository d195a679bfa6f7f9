from spamft.cli.main import main


def test_the_command_writes_a_page_and_does_not_overwrite_unasked(
    run_folder, tmp_path, capsys
):
    target = tmp_path / "page.html"
    arguments = ["page", str(run_folder), str(target)]
    assert main(arguments) == 0
    assert target.read_text().startswith("<!doctype html>")
    said = capsys.readouterr().out
    assert "MB, weights in int8" in said and str(target) in said
    assert main(arguments) == 2
    assert "exists: choose another name or --overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


def test_a_folder_is_no_page_and_a_missing_run_is_named(tmp_path, capsys):
    assert main(["page", str(tmp_path), str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert main(["page", str(tmp_path / "none"), str(tmp_path / "page.html")]) == 2
    assert "holds no saved classifier" in capsys.readouterr().err
