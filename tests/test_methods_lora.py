import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spamft.batches import Batch
from spamft.classifier import GPTClassifier
from spamft.methods.lora import (
    LoRAConfig,
    LoRALinear,
    add_lora,
    lora_layers,
    merge_lora,
    unmerge_lora,
)
from spamft.train import TrainConfig, fit
from spamft.use.saved import load, save

IDS = torch.randint(257, (4, 9))
LENGTHS = torch.tensor([9, 3, 6, 1])
LABELS = torch.tensor([0, 1, 0, 1])


@pytest.fixture
def model(any_gpt) -> GPTClassifier:
    return GPTClassifier(any_gpt).eval()


of_gpt2 = pytest.mark.parametrize("any_gpt", ["gpt2"], indirect=True)


def disturb(model: nn.Module) -> None:
    """Updates as if they had been trained."""
    torch.manual_seed(1)
    for layer in lora_layers(model).values():
        layer.B.data.normal_(std=0.3)


def test_it_starts_as_the_frozen_model_bit_for_bit(model):
    before = model(IDS, LENGTHS)
    names = add_lora(model, LoRAConfig(rank=4))
    # every matrix in each of two blocks: GPT-2 has four, Llama seven
    assert len(names) == {"GPT": 8, "Llama": 14}[type(model.gpt).__name__]
    assert torch.equal(model(IDS, LENGTHS), before)


def test_the_update_is_alpha_over_r_times_B_A():
    base = nn.Linear(6, 10)
    layer = LoRALinear(base, LoRAConfig(rank=2, alpha=3.0))
    layer.B.data.normal_()
    x = torch.randn(5, 6)
    weight = base.weight + 3.0 / 2 * layer.B @ layer.A
    torch.testing.assert_close(layer(x), F.linear(x, weight, base.bias))
    torch.testing.assert_close(layer.weight, weight)
    assert torch.linalg.matrix_rank(layer.B @ layer.A) == 2


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 3, 6)])
@pytest.mark.parametrize("bf16", [False, True])
def test_it_takes_what_a_linear_layer_takes(shape, bf16):
    layer, x = LoRALinear(nn.Linear(6, 10), LoRAConfig(rank=2)), torch.randn(shape)
    layer.B.data.normal_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        y, plain = layer(x), F.linear(x, layer.weight, layer.bias)
    assert y.shape == plain.shape and y.dtype == plain.dtype
    torch.testing.assert_close(y, plain, atol=0.1 if bf16 else 1e-6, rtol=1e-2)


def test_only_the_updates_and_the_head_train(model):
    before = {name: p.clone() for name, p in model.named_parameters()}
    add_lora(model, LoRAConfig(rank=4))
    batches = [Batch(IDS, LENGTHS, LABELS)] * 3
    fit(model, batches, batches, TrainConfig(epochs=2, lr=0.01))
    for name, parameter in model.named_parameters():
        old = before.get(name.replace(".base.", "."))
        if old is None:
            assert name.endswith((".A", ".B")) and parameter.requires_grad
        else:
            assert torch.equal(parameter, old) != name.startswith("head"), name


def test_merged_it_is_a_plain_model_with_the_same_answers(model, tmp_path, tokenizer):
    add_lora(model, LoRAConfig(rank=4))
    disturb(model)
    before = model(IDS, LENGTHS)
    taken = merge_lora(model)
    for name, layer in taken.items():
        update = layer.scale * layer.B @ layer.A
        merged = model.get_submodule(name).weight
        torch.testing.assert_close(merged, layer.base.weight + update)
    assert not lora_layers(model) and merge_lora(model) == {}
    torch.testing.assert_close(model(IDS, LENGTHS), before, atol=1e-5, rtol=1e-5)
    save(model, tmp_path, tokenizer)
    again = load(tmp_path).model
    torch.testing.assert_close(again(IDS, LENGTHS), before, atol=1e-5, rtol=1e-5)
    unmerge_lora(model, taken)
    assert torch.equal(model(IDS, LENGTHS), before)


def test_a_model_with_updates_is_saved_merged_and_stays_as_it_is(
    model, tmp_path, tokenizer
):
    add_lora(model, LoRAConfig(rank=4))
    disturb(model)
    before = model(IDS, LENGTHS)
    save(model, tmp_path / "model", tokenizer)
    assert lora_layers(model) and torch.equal(model(IDS, LENGTHS), before)
    again = load(tmp_path / "model").model
    merge_lora(model)
    assert again(IDS, LENGTHS).equal(model(IDS, LENGTHS))


def test_dropout_is_of_the_update_alone_and_off_in_evaluation():
    layer = LoRALinear(nn.Linear(6, 10), LoRAConfig(rank=2, dropout=0.5))
    x = torch.randn(5, 6)
    layer.train()
    assert torch.equal(layer(x), layer.base(x))  # B is zero
    layer.B.data.normal_()
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


@of_gpt2
def test_the_seed_decides_every_A(model):
    import copy

    def first(seed):
        other = copy.deepcopy(model)
        add_lora(other, LoRAConfig(rank=2), seed=seed)
        return [layer.A for layer in lora_layers(other).values()]

    assert all(map(torch.equal, first(1), first(1)))
    assert not torch.equal(first(1)[0], first(2)[0])
    assert not torch.equal(first(1)[0][:, :16], first(1)[1])  # each layer its own


def test_it_works_for_any_module():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(3, 4)
    before = model(x)
    assert add_lora(model, LoRAConfig(2, targets=("0",), also=("2",))) == ["0"]
    assert torch.equal(model(x), before)
    assert [p.requires_grad for p in model[2].parameters()] == [True, True]


@of_gpt2
@pytest.mark.parametrize(
    "config, message",
    [
        ({"targets": ("query",)}, "'query'; there are: gpt.blocks.0.attention.qkv"),
        ({"also": ("score",)}, "'score' to train in full; there are: gpt, head"),
        ({"rank": 17}, "rank=17 is more than a 48 by 16 matrix"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_changed(model, config, message):
    before = [p.requires_grad for p in model.parameters()]
    with pytest.raises(ValueError, match=message):
        add_lora(model, LoRAConfig(**config))
    assert not lora_layers(model)
    assert [p.requires_grad for p in model.parameters()] == before


@of_gpt2
def test_bad_settings_and_a_second_time_are_refused(model):
    for bad in ({"rank": 0}, {"dropout": 1.0}, {"targets": "qkv"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            LoRAConfig(**bad)
    add_lora(model, LoRAConfig(rank=2, targets=("qkv",)))
    with pytest.raises(ValueError, match="has LoRA already"):
        add_lora(model, LoRAConfig(rank=2, targets=("up",)))
