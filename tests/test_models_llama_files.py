import json

import pytest
import torch
from test_models_llama import hidden_states, random_llama

from spamft.models.architectures import load_backbone, name_of
from spamft.models.llama_files import load_llama, save_llama
from spamft.plumbing.errors import SpamftError

IDS = torch.arange(12).view(2, 6)


@pytest.mark.parametrize("tied", [True, False])
def test_loading_undoes_saving(tmp_path, tied):
    model = random_llama(tied=tied)
    save_llama(model, tmp_path / "it")
    again = load_backbone(tmp_path / "it")
    assert again.config == model.config and name_of(again) == "llama"
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


@pytest.mark.parametrize("tied", [True, False])
def test_transformers_opens_what_is_saved_and_the_other_way_round(tmp_path, tied):
    transformers = pytest.importorskip("transformers")
    model = random_llama(tied=tied)
    save_llama(model, tmp_path / "ours")
    theirs = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "ours").eval()
    logits = model.logits(model.final_norm(hidden_states(model, IDS)[-1]))
    torch.testing.assert_close(theirs(IDS).logits, logits, atol=1e-4, rtol=1e-5)
    theirs.save_pretrained(tmp_path / "theirs")
    again = load_llama(tmp_path / "theirs")
    assert again.config == model.config
    assert torch.equal(again.tok_emb.weight, model.tok_emb.weight)


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"attention_bias": True}, "attention_bias is True"),
        ({"head_dim": 7}, "head_dim is 7"),
        ({"rope_parameters": {"rope_type": "llama3"}}, "scaled .'llama3'"),
        ({"rope_parameters": None, "rope_scaling": {"type": "linear"}}, "scaled"),
        ({"num_hidden_layers": 10**6}, "1,000,000 layers, but only"),
        ({"num_hidden_layers": 1e9}, "n_layers"),
        ({"hidden_size": 50}, "must divide"),
        ({"vocab_size": 98}, "embed_tokens.weight has shape"),
        ({"tie_word_embeddings": False}, "missing lm_head.weight"),
        ({"rope_parameters": {"rope_theta": "fast"}}, "not a Llama config"),
    ],
)
def test_a_folder_with_another_model_is_refused_by_name(tmp_path, change, complaint):
    save_llama(random_llama(), tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SpamftError, match=complaint) as error:
        load_llama(tmp_path)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_an_older_config_without_new_words_has_the_usual_values(tmp_path):
    save_llama(random_llama(4, 4), tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    for name in ("rope_parameters", "num_key_value_heads", "head_dim", "mlp_bias"):
        del config[name]
    path.write_text(json.dumps(config | {"rope_theta": 1000.0}))
    assert load_llama(tmp_path).config == random_llama(4, 4).config
