"""transformers opens the folder as its users do, and says what spamft says."""

import json
import sys

import pytest
from finished_runs import FEW_BYTES, finished

from spamft.export import to_transformers as module
from spamft.export.agreement import odd_texts
from spamft.export.hf_tokenizer import hf_tokenizer
from spamft.export.to_transformers import FILES, export_transformers
from spamft.gpt import GPT, GPTConfig
from spamft.models.llama import Llama, LlamaConfig
from spamft.models.normalizer import Normalizer, NormalizingEncoding
from spamft.plumbing.errors import SpamftError

transformers = pytest.importorskip("transformers")
LLAMA = LlamaConfig(257, 64, 16, 2, 4, 2, 24)


def a_run(name, folder, tokenizer):
    """A finished run of each kind that asks for something of its own."""
    if name == "gpt2":
        return finished(folder, GPT(GPTConfig(257, 64, 16, 2, 2)), tokenizer)
    if name == "a full context":
        gpt, three = GPT(GPTConfig(257, 20, 16, 2, 2)), ("no", "yes", "maybe")
        return finished(folder, gpt, tokenizer, three, max_length=20)
    if name == "lora":
        return finished(
            folder, GPT(GPTConfig(257, 64, 16, 2, 2)), tokenizer, method="lora-4"
        )
    if name == "normalized":
        reads = NormalizingEncoding(tokenizer, Normalizer({"\u0430": "a"}))
        return finished(folder, GPT(GPTConfig(257, 64, 16, 2, 2)), reads)
    if name == "few bytes":
        return finished(folder, Llama(LLAMA), FEW_BYTES.encoding("few"))
    return finished(folder, Llama(LLAMA), tokenizer)


KINDS = ("gpt2", "llama", "a full context", "lora", "few bytes", "normalized")


@pytest.mark.parametrize("name", KINDS)
def test_its_pipeline_gives_spamfts_probabilities(name, tokenizer, tmp_path):
    """Alone, in batches, too long, empty, and with the words of special tokens."""
    run = a_run(name, tmp_path, tokenizer)
    lines = []
    export_transformers(run, tmp_path / "it", lines.append)
    pipe = transformers.pipeline(
        "text-classification", str(tmp_path / "it"), truncation=True, top_k=None
    )
    texts = [*odd_texts(30), "x" * 200, *run.test[:6]]
    wanted = [verdict.probabilities for verdict in run.saved.classify(texts)]
    for size in (1, 7):
        for found, probabilities in zip(
            pipe(texts, batch_size=size), wanted, strict=True
        ):
            shares = {each["label"]: each["score"] for each in found}
            assert shares == pytest.approx(probabilities, abs=1e-5)
    assert pipe("")[0][0]["score"] == pytest.approx(max(wanted[0].values()), abs=1e-5)
    assert len(lines) == 1 and "logits differ from spamft's by" in lines[0]


def test_the_folder_has_all_its_files_and_the_config_all_its_names(tokenizer, tmp_path):
    run = a_run("a full context", tmp_path, tokenizer)
    export_transformers(run, tmp_path / "it")
    assert sorted(p.name for p in (tmp_path / "it").iterdir()) == sorted(FILES)
    config = transformers.AutoConfig.from_pretrained(tmp_path / "it")
    assert config.problem_type == "single_label_classification"
    assert config.id2label == dict(enumerate(run.model.label_names))
    assert config.pad_token_id == config.eos_token_id == tokenizer.eot_token
    assert config.n_positions == 21  # a place for the filler behind 20 tokens
    written = json.loads((tmp_path / "it" / "config.json").read_text())
    assert written["spamft"] == run.saved.rule.to_dict()


def in_lower_case(encoding, filler):
    """A tokenizer that reads capitals as small letters."""
    made = hf_tokenizer(encoding, filler)
    made.normalizer = pytest.importorskip("tokenizers").normalizers.Lowercase()
    return made


@pytest.mark.parametrize("what", ["logit", "id"])
def test_what_does_not_agree_is_not_written(what, tokenizer, tmp_path, monkeypatch):
    run = a_run("gpt2", tmp_path, tokenizer)
    if what == "logit":
        original = module.calibrated
        monkeypatch.setattr(module, "calibrated", lambda m, t: original(m, t * 1.01))
    else:
        monkeypatch.setattr(module, "hf_tokenizer", in_lower_case)
    with pytest.raises(SpamftError, match="not exported: "):
        export_transformers(run, tmp_path / "it")
    assert not (tmp_path / "it").exists()


@pytest.mark.parametrize("settings", [{"pooling": "mean"}, {"attention": "full"}])
def test_what_theirs_cannot_be_is_refused_with_what_to_do(
    settings, tokenizer, tmp_path
):
    gpt = GPT(GPTConfig(257, 64, 16, 2, 2))
    run = finished(tmp_path, gpt, tokenizer, **settings)
    with pytest.raises(SpamftError, match="--to onnx takes it as it is"):
        export_transformers(run, tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_without_transformers_nothing_is_written_unchecked(
    tokenizer, tmp_path, monkeypatch
):
    run = a_run("gpt2", tmp_path, tokenizer)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SpamftError, match=r"install transformers: .*spamft\[export\]"):
        export_transformers(run, tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_the_cards_code_runs(tokenizer, tmp_path, monkeypatch):
    run = a_run("gpt2", tmp_path, tokenizer)
    export_transformers(run, tmp_path / "it")
    card = (tmp_path / "it" / "README.md").read_text()
    code = card.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    found = names["classify"]("")[0]
    assert found["label"] == run.saved.classify("").label
