import pytest

from spamft.cli.main import main


def test_what_pretrain_makes_can_be_finetuned(
    message_file, tmp_path, capsys, monkeypatch
):
    pytest.importorskip("tokenizers")
    monkeypatch.setattr("torch.compile", lambda function: function)
    text, folder = tmp_path / "text.txt", tmp_path / "small"
    text.write_text("the cat sat on the mat at number 7\n" * 2000)
    (tmp_path / "licences.md").write_text("All mine.")
    arguments = (
        f"pretrain --texts {text} --output {folder} --steps 2 --batch-size 2 --width 8 "
        "--vocab-size 300 --context 32 --layers 1 --heads 1 --report-every 1 "
        f"--licences {tmp_path / 'licences.md'} --device cpu"
    )
    assert main(arguments.split()) == 0
    assert "step      2" in capsys.readouterr().out
    assert "All mine." in (folder / "README.md").read_text()
    arguments = f"finetune --data {message_file} --model {folder}"
    run = tmp_path / "run"
    assert main([*arguments.split(), "--output", str(run), "--epochs", "1"]) == 0
    assert main(["classify", "--model", str(run), "see you"]) == 0
