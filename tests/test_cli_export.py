import json

import pytest
from finished_runs import finished, rows
from test_use_trained import all_large, gpt2_folder  # noqa: F401, a fixture

from spamft.cli.main import main
from spamft.experiments.finetune import finetune
from spamft.gpt import GPT, GPTConfig


@pytest.fixture
def run_folder(tokenizer, tmp_path):
    return finished(tmp_path, GPT(GPTConfig(257, 64, 16, 2, 2)), tokenizer).folder


@pytest.mark.parametrize("to", ["transformers", "onnx", "onnx --int8"])
def test_a_run_is_exported_and_the_agreement_told(to, run_folder, tmp_path, capsys):
    pytest.importorskip("transformers")
    pytest.importorskip("onnxruntime")
    folder = str(tmp_path / "it")
    assert main(["export", str(run_folder), "--to", *to.split(), folder]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert last == f"exported to {folder}" and " at most" in lines[-1]
    assert (tmp_path / "it" / "README.md").is_file()


def test_an_adapter_is_exported_beside_its_base(tmp_path, all_large, capsys):  # noqa: F811
    """Also where the base was moved since."""
    pytest.importorskip("peft")
    base = gpt2_folder(tmp_path / "base", channels=64)
    (tmp_path / "rows.csv").write_text(rows())
    run = finetune(tmp_path / "rows.csv", base, "lora-4", config={"epochs": 1})
    arguments = ["export", str(run.save(tmp_path / "run")), "--to", "peft"]
    base.rename(tmp_path / "moved")
    assert main([*arguments, str(tmp_path / "it")]) == 2
    assert "--base" in capsys.readouterr().err and not (tmp_path / "it").exists()
    moved = ["--base", str(tmp_path / "moved")]
    assert main([*arguments, str(tmp_path / "it"), *moved]) == 0
    assert "PEFT " in capsys.readouterr().out
    config = json.loads((tmp_path / "it" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tmp_path / "moved")


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--to", "peft", "it"], "no adapter: it was saved whole"),
        (["--to", "transformers", "it", "--int8"], "--int8 goes with --to onnx"),
        (["--to", "onnx", "full"], "full is not empty: choose another or --overwrite"),
        (["--to", "onnx", "run", "--overwrite"], "run belongs to the run: choose"),
        (["--to", "onnx", "run/model/x"], "belongs to the run: choose another"),
        (["--to", "tf", "it"], "invalid choice: 'tf'"),
        (["it"], "the following arguments are required: --to"),
    ],
)
def test_what_cannot_be_is_one_line_and_writes_nothing(
    arguments, complaint, run_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert main(["export", "run", *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
    assert not (tmp_path / "it").exists()
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_overwriting_keeps_the_users_files(run_folder, tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "mine.txt").write_text("mine")
    arguments = ["export", str(run_folder), "--to", "onnx", str(tmp_path / "it")]
    assert main(arguments) == 2 and main([*arguments, "--overwrite"]) == 0
    assert (tmp_path / "it" / "mine.txt").read_text() == "mine"
    assert (tmp_path / "it" / "model.onnx").is_file()
