"""PEFT lays the adapter over the base and says what spamft says."""

import json

import pytest
from finished_runs import rows
from test_use_trained import all_large, gpt2_folder  # noqa: F401, a fixture

from spamft.experiments.finetune import finetune
from spamft.export import to_peft as module
from spamft.export.agreement import odd_texts
from spamft.export.finished import open_finished
from spamft.export.to_peft import FILES, export_peft
from spamft.plumbing.errors import SpamftError

peft = pytest.importorskip("peft")
QUICK = {"epochs": 2, "lr": 0.03}


def a_run(folder, method="lora-4", longest="", **settings):
    """A run on a base in a folder, of which only the trained part is saved."""
    base = gpt2_folder(folder / "base", channels=64)
    more = [f"ham,{longest} {letter}" for letter in "abcdefgh"]
    (folder / "rows.csv").write_text("\n".join([rows(), *more]))
    run = finetune(folder / "rows.csv", base, method, config=QUICK, **settings)
    return open_finished(run.save(folder / "run"))


@pytest.fixture
def exported(tmp_path, all_large):  # noqa: F811
    run = a_run(tmp_path)
    export_peft(run, tmp_path / "it")
    return run, tmp_path / "it"


def test_the_folder_is_small_and_names_its_base(exported, tmp_path):
    run, folder = exported
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    weights = (folder / "adapter_model.safetensors").stat().st_size
    assert weights < (tmp_path / "base" / "model.safetensors").stat().st_size / 4
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tmp_path / "base")
    assert config["r"] == 4 and config["task_type"] == "SEQ_CLS"


def test_the_cards_code_gives_spamfts_probabilities(exported, monkeypatch):
    run, folder = exported
    monkeypatch.chdir(folder.parent)
    code = (folder / "README.md").read_text().partition("```python\n")[2]
    names = {}
    exec(code.partition("```")[0], names)
    texts = [*odd_texts(30), *run.test]
    verdicts = run.saved.classify(texts)
    found = names["classify"](texts, batch_size=5, top_k=None)
    for shares, verdict in zip(found, verdicts, strict=True):
        shares = {each["label"]: each["score"] for each in shares}
        assert shares == pytest.approx(verdict.probabilities, abs=1e-5)


@pytest.mark.parametrize(
    "method, settings, reason",
    [
        ("last_block", {}, "not trained by LoRA"),
        ("qlora-16", {}, "base is in 4 bits"),
        ("lora-4", {"longest": "long " * 40}, "a place for one"),
    ],
)
def test_what_is_no_adapter_goes_to_transformers(
    method,
    settings,
    reason,
    tmp_path,
    all_large,  # noqa: F811
):
    run = a_run(tmp_path, method, **settings)
    with pytest.raises(SpamftError, match=f"no adapter: .*{reason}.*--to transformers"):
        export_peft(run, tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_a_run_saved_whole_is_no_adapter(tmp_path):
    with pytest.raises(SpamftError, match="no adapter: it was saved whole"):
        export_peft(a_run(tmp_path), tmp_path / "it")


def test_what_does_not_agree_is_not_written(tmp_path, all_large, monkeypatch):  # noqa: F811
    run, original = a_run(tmp_path), module._with_lora
    monkeypatch.setattr(module, "_with_lora", lambda m, s, p: original(m, 2 * s, p))
    with pytest.raises(SpamftError, match="not exported: logits"):
        export_peft(run, tmp_path / "it")
    assert not (tmp_path / "it").exists()
