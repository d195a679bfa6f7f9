import json

import pytest
import torch
from test_models_chat import SPELLINGS
from test_models_llama import random_llama
from test_models_vocabulary import train

from spamft.gpt import GPT, GPTConfig
from spamft.models.llama_files import save_llama
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import Download
from spamft.pretrained import save_gpt2
from spamft.sources import models, open_model
from spamft.tokenizer import TINY, save_bpe


def test_auto_takes_gpt2_where_the_hub_answers(offline, monkeypatch):
    tiny = open_model("tiny")
    monkeypatch.setattr(models, "gpt2_download", lambda *limits: Download(0, 0.0))
    monkeypatch.setattr(models, "load_gpt2", lambda name, patience: tiny.gpt)
    monkeypatch.setattr(models, "load_tokenizer", {"gpt2": tiny.tokenizer}.get)
    assert open_model("auto").name == "gpt2"


def test_tiny_is_pretrained_and_scratch_is_not():
    model, scratch = open_model("tiny"), open_model("scratch", seed=1)
    assert scratch.gpt.state_dict()["tok_emb.weight"].equal(
        open_model("scratch", seed=1).gpt.state_dict()["tok_emb.weight"]
    )
    ids = torch.tensor([model.tokenizer.encode_ordinary("I will see you tomorrow at")])
    losses = [
        torch.nn.functional.cross_entropy(m.gpt(ids)[0, :-1], ids[0, 1:]).item()
        for m in (model, scratch)
    ]
    assert losses[0] < 5 < 8 < losses[1]


def test_transformers_opens_the_tiny_folder():
    transformers = pytest.importorskip("transformers")
    ours = open_model("tiny").gpt
    theirs = transformers.AutoModelForCausalLM.from_pretrained(TINY).float()
    ids = torch.randint(0, 4096, (2, 20))
    torch.testing.assert_close(
        ours(ids), theirs.eval()(ids).logits, atol=1e-3, rtol=1e-4
    )


def test_a_folder_brings_its_own_vocabulary(tmp_path):
    save_gpt2(GPT(GPTConfig(257, 8, 4, 1, 1)), tmp_path)
    save_bpe({bytes([b]): b for b in range(256)}, tmp_path / "vocabulary.tiktoken")
    assert open_model(tmp_path).tokenizer.n_vocab == 257
    save_gpt2(GPT(GPTConfig(100, 8, 4, 1, 1)), tmp_path)
    with pytest.raises(ValueError, match="knows 100 tokens, but its tokenizer .* 257"):
        open_model(tmp_path)


def test_a_folder_of_an_unknown_architecture_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "mamba"}')
    with pytest.raises(ValueError, match="model_type 'mamba' is not one of gpt2"):
        open_model(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ValueError, match="expected an object, found list"):
        open_model(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match="config.json is missing"):
        open_model(tmp_path)


def test_a_folder_brings_its_chat_template_and_the_source_tells(tmp_path):
    pytest.importorskip("tokenizers")
    train(tmp_path, digits=True, letters=256)
    save_llama(random_llama(vocab_size=900), tmp_path)
    assert open_model(tmp_path).source == str(tmp_path)
    template = tmp_path / "chat_template.jinja"
    for text, told in (
        (SPELLINGS["short"], "chat template ChatML"),
        ("{{ messages }}", "('{{ messages }}'), so prompts are plain text"),
    ):
        template.write_text(text)
        opened = open_model(tmp_path)
        assert opened.source.endswith(told)
        assert opened.tokenizer.vocabulary.chat == text


def test_a_template_whose_tokens_the_vocabulary_has_not_is_refused(tmp_path):
    pytest.importorskip("tokenizers")
    train(tmp_path, digits=True)
    save_llama(random_llama(vocab_size=900), tmp_path)
    tokens = tmp_path / "tokenizer.json"
    tokens.write_text(tokens.read_text().replace("<|im_end|>", "<|end|>"))
    settings = json.dumps({"chat_template": SPELLINGS["short"]})
    (tmp_path / "tokenizer_config.json").write_text(settings)
    with pytest.raises(SpamftError, match="no <.im_end.>") as error:
        open_model(tmp_path)
    assert str(tmp_path) in str(error.value)
