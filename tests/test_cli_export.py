import pytest
from finished_runs import finished

from spamft.cli.main import main
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
