import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from spamft.gpt import GPT, GPTConfig
from spamft.pretrained import PUBLISHED, from_hf, load_gpt2, save_gpt2, to_hf

TINY = GPTConfig(vocab_size=99, context_length=32, emb_dim=16, n_layers=2, n_heads=2)


@pytest.fixture
def folder(tmp_path):
    """A saved model, in Hugging Face's layout."""
    save_gpt2(GPT(TINY), tmp_path)
    return tmp_path


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


@pytest.fixture
def theirs():
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=99, n_positions=32, n_embd=16, n_layer=2, n_head=2
    )
    model = transformers.GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():  # biases and norms too, lest a mix-up hide
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def test_same_logits_as_transformers(theirs, tmp_path):
    theirs.save_pretrained(tmp_path)
    ours, ids = load_gpt2(tmp_path), torch.randint(0, 99, (2, 10))
    torch.testing.assert_close(ours(ids), theirs(ids).logits, atol=1e-5, rtol=1e-5)


def test_transformers_opens_what_we_save(theirs, tmp_path):
    ours = from_hf(GPT(TINY), theirs.state_dict())
    save_gpt2(ours, tmp_path)
    again, ids = type(theirs).from_pretrained(tmp_path), torch.randint(0, 99, (2, 10))
    torch.testing.assert_close(ours(ids), again(ids).logits, atol=1e-5, rtol=1e-5)


def test_shards_give_the_same_model(theirs, tmp_path):
    theirs.save_pretrained(tmp_path, max_shard_size="10KB")
    assert not (tmp_path / "model.safetensors").exists()
    ids = torch.randint(0, 99, (2, 10))
    torch.testing.assert_close(
        load_gpt2(tmp_path)(ids), theirs(ids).logits, atol=1e-5, rtol=1e-5
    )


def test_export_undoes_load():
    gpt, other = GPT(TINY), GPT(TINY, seed=5)
    from_hf(other, to_hf(gpt))
    for name, tensor in gpt.state_dict().items():
        assert tensor.equal(other.state_dict()[name]), name


def test_names_with_and_without_prefix_are_the_same(folder):
    before = load_gpt2(folder).state_dict()

    def strip(weights):
        for name in list(weights):
            weights[name.removeprefix("transformer.")] = weights.pop(name)

    edit_weights(folder, strip)
    assert all(t.equal(before[n]) for n, t in load_gpt2(folder).state_dict().items())


def test_causal_masks_of_old_checkpoints_are_no_weights(folder):
    edit_weights(folder, lambda w: w.update({"h.0.attn.bias": torch.ones(1, 1, 4, 4)}))
    load_gpt2(folder)


def test_half_precision_is_read_as_float32(tmp_path):
    save_gpt2(GPT(TINY), tmp_path, torch.float16)
    assert {p.dtype for p in load_gpt2(tmp_path).parameters()} == {torch.float32}


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs Linux's /proc")
def test_weights_stay_in_the_file(folder):
    """What is mapped from the file belongs to no allocation of ours."""
    gpt = load_gpt2(folder)
    maps = Path("/proc/self/maps").read_text().splitlines()
    maps = [line for line in maps if str(folder) in line]
    inside = [
        any(int(a, 16) <= p.data_ptr() < int(b, 16) for a, b in map(_range, maps))
        for p in gpt.parameters()
    ]
    assert all(inside)


def _range(line: str) -> list[str]:
    return line.split()[0].split("-")


def test_training_a_mapped_model_leaves_the_file_alone(folder):
    before = (folder / "model.safetensors").read_bytes()
    gpt = load_gpt2(folder)
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(1.0)
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    "name, millions",
    [
        ("gpt2", 124_439_808),
        ("gpt2-medium", 354_823_168),
        ("gpt2-large", 774_030_080),
        ("gpt2-xl", 1_557_611_200),
    ],
)
def test_published_shapes_have_the_published_parameter_counts(name, millions):
    with torch.device("meta"):
        gpt = GPT(PUBLISHED[name].config)
    assert sum(p.numel() for p in gpt.parameters()) == millions


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda w: w.pop("transformer.wpe.weight"), "missing wpe.weight"),
        (
            lambda w: w.update({"score.weight": torch.zeros(2, 16)}),
            "extra score.weight",
        ),
        (
            lambda w: w.update(
                {"transformer.h.1.attn.c_attn.weight": torch.zeros(48, 16)}
            ),
            r"h.1.attn.c_attn.weight has shape \(48, 16\), expected \(16, 48\)",
        ),
        (
            lambda w: w.update({"lm_head.weight": torch.zeros(99, 16)}),
            "lm_head.weight differs from wte.weight",
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(folder, change, complaint):
    edit_weights(folder, change)
    with pytest.raises(ValueError, match=complaint):
        load_gpt2(folder)


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"activation_function": "relu"}, "activation_function is 'relu'"),
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"n_inner": 17}, "n_inner is 17"),
        ({"n_embd": "wide"}, "not a GPT-2 config"),
        ({"n_head": 3}, "must divide"),
    ],
)
def test_a_config_of_another_model_is_refused(folder, changes, complaint):
    edit_config(folder, **changes)
    with pytest.raises(ValueError, match=complaint):
        load_gpt2(folder)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no model 'gpt5': expected tiny, gpt2, "):
        load_gpt2("gpt5")
    with pytest.raises(ValueError, match=r"config.json is missing"):
        load_gpt2(tmp_path)
    save_gpt2(GPT(TINY), tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_gpt2(tmp_path)
