"""Frozen products in fewer bits: close to float32, and never in the way of training."""

import copy
from contextlib import nullcontext

import pytest
import torch
from instructions import COARSE, needs_int8

from spamft.classifier import GPTClassifier, set_trainable
from spamft.gpt import GPT
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.nf4 import quantize_linears
from spamft.models.low_precision import Int8Linear, LowPrecisionLinear
from spamft.models.precision import (
    OUTLIERS,
    Precision,
    autocast_training,
    count_frozen,
    lower_precision,
    precision_named,
    precision_of,
    trains_in_bf16,
)

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


@pytest.fixture(params=COARSE)
def precision(request) -> str:
    return request.param


def states(gpt: GPT, ids: torch.Tensor) -> torch.Tensor:
    x = gpt.embed(ids)
    for block in gpt.blocks:
        x = block(x)
    return x


@needs_int8
def test_the_outliers_of_a_model_are_found(any_gpt):
    """A channel that a norm scales up is one of each layer's behind it."""
    large = 7
    for block in any_gpt.blocks:
        block.norm_1.weight.data[large] = 200.0
    lower_precision(any_gpt, "int8", len(any_gpt.blocks))
    behind = [
        layer
        for name, layer in any_gpt.named_modules()
        if isinstance(layer, Int8Linear) and name.endswith(("qkv", "query", "value"))
    ]
    assert behind and all(large in layer.outliers for layer in behind)


def test_a_model_gives_nearly_the_same(any_gpt, precision):
    ids = torch.randint(257, (3, 20))
    expected = states(any_gpt, ids)
    wide = copy.deepcopy(any_gpt)
    lower_precision(wide, precision, 1)
    found = states(wide, ids)
    moved = (expected - any_gpt.embed(ids)).norm()  # what the blocks add
    assert 0 < (found - expected).norm() / moved < 0.05
    assert precision_of(wide) == Precision(precision, 1)
    assert str(precision_of(wide)) == f"{precision} in 1 blocks, float32 elsewhere"
    assert str(precision_of(any_gpt)) == "float32"


def test_the_state_is_that_of_a_plain_model_and_shares_its_storage(any_gpt, precision):
    plain = {name: t.data_ptr() for name, t in any_gpt.state_dict().items()}
    lower_precision(any_gpt, precision, len(any_gpt.blocks))
    assert {n: t.data_ptr() for n, t in any_gpt.state_dict().items()} == plain


def test_float32_changes_no_layer(any_gpt):
    layers = list(any_gpt.modules())
    lower_precision(any_gpt, "float32")
    assert list(any_gpt.modules()) == layers


@pytest.mark.parametrize("scope, count", [("head", 3), ("last_block", 2), ("all", 0)])
def test_the_frozen_blocks_are_those_below_what_trains(three_blocks, scope, count):
    model = GPTClassifier(three_blocks)
    set_trainable(model, scope)
    assert count_frozen(model.gpt) == count


def test_beneath_lora_all_blocks_are_frozen_and_nf4_stays_as_it_is(
    three_blocks, precision
):
    quantize_linears(three_blocks, ("qkv",))
    add_lora(three_blocks, LoRAConfig(rank=2, also=()))
    lower_precision(three_blocks, precision)
    made = [m for m in three_blocks.modules() if isinstance(m, LowPrecisionLinear)]
    assert len(made) == 9  # of 12
    assert precision_of(three_blocks) == Precision(precision, 3)


def test_where_nothing_is_frozen_it_is_refused(three_blocks, precision):
    with pytest.raises(ValueError, match="is for frozen matrices in float32"):
        lower_precision(three_blocks, precision)


def test_gradients_pass_through_to_what_trains(three_blocks, precision):
    """LoRA beside a coarse matrix gets nearly the gradient that it gets beside it."""
    ids, gradients = torch.randint(257, (3, 20)), []
    for name in ("float32", precision):
        gpt = copy.deepcopy(three_blocks)
        add_lora(gpt, LoRAConfig(rank=2, also=()))
        lower_precision(gpt, name, 3)
        states(gpt, ids).square().mean().backward()
        trains = [p for p in gpt.parameters() if p.requires_grad]
        gradients.append(torch.cat([p.grad.flatten() for p in trains]))
        assert all(p.grad is None for p in gpt.parameters() if not p.requires_grad)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


def test_auto_is_float32_and_a_wrong_name_is_refused():
    assert precision_named("auto", CPU) == "float32"
    assert precision_named("float32", MPS) == "float32"
    with pytest.raises(ValueError, match="'int4' must be one of auto, float32, bf16"):
        precision_named("int4", CPU)


def test_what_trains_is_bfloat16_on_cuda_alone():
    assert trains_in_bf16("bf16", CUDA)
    assert not any(trains_in_bf16("bf16", device) for device in (CPU, MPS))
    assert not any(trains_in_bf16(name, CUDA) for name in ("float32", "int8"))


def test_autocast_ends_with_the_call_also_with_an_error(tiny_gpt):
    model = GPTClassifier(tiny_gpt)
    autocast_training(model)
    for ids in (torch.tensor([[1, 2]]), torch.tensor([[10**6]])):
        with nullcontext() if ids.max() < 257 else pytest.raises(IndexError):
            model.train()(ids, torch.tensor([1]))
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("device", [CPU, MPS, CUDA])
def test_what_the_device_cannot_do_is_refused(device, precision, monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **options: False)
    with pytest.raises(ValueError, match=f"this {device.type} has no instructions"):
        precision_named(precision, device)


def test_a_layer_with_few_channels_has_few_outliers(tiny_gpt):
    lower_precision(tiny_gpt, "int8", 2)
    sizes = {
        len(layer.outliers)
        for layer in tiny_gpt.modules()
        if isinstance(layer, Int8Linear)
    }
    assert sizes == {min(OUTLIERS, 16), OUTLIERS}
