"""bitsandbytes is the oracle for the levels and the stored values."""

import importlib.util

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spamft.classifier import GPTClassifier
from spamft.methods import nf4
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.nf4 import (
    NF4Linear,
    dequantize,
    nf4_levels,
    quantize,
    quantize_linears,
)


def theirs():
    return pytest.importorskip("bitsandbytes.functional")


def test_the_levels_are_those_of_bitsandbytes():
    code = theirs().get_4bit_type("nf4", device="cpu")
    torch.testing.assert_close(nf4_levels(), code, atol=2e-7, rtol=0)
    assert torch.equal(nf4.scale_levels(), theirs().create_dynamic_map())


@pytest.mark.parametrize("shape", [(320, 960), (16, 16), (7, 130)])
def test_the_stored_values_are_those_of_bitsandbytes(shape):
    torch.manual_seed(3)
    weight = torch.randn(shape) * 0.02
    codes, state = theirs().quantize_4bit(
        weight, blocksize=64, compress_statistics=True, quant_type="nf4"
    )
    ours = quantize(weight)
    used = weight.numel() // 2  # what fills up the last block is nobody's business
    assert torch.equal(ours["codes"][:used], codes.flatten()[:used])
    torch.testing.assert_close(ours["scale_mean"], state.offset)
    torch.testing.assert_close(ours["scale_max"], state.state2.absmax)
    # where two scale levels are about as near, their search may take the farther one
    differ = ours["scales"] != state.absmax
    assert differ.float().mean() < 0.01
    largest = nf4._blocks(weight.flatten(), 64).abs().amax(1) - ours["scale_mean"]
    ratios = largest / ours["scale_max"].repeat_interleave(256)[: len(largest)]
    levels = nf4.scale_levels()
    off = [(ratios - levels[s.int()]).abs() for s in (ours["scales"], state.absmax)]
    assert (off[0] <= off[1] + 1e-7).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(1e-6, 1e3))
def test_no_number_is_farther_off_than_half_a_gap_between_levels(n_out, n_in, size):
    weight = torch.randn(n_out, n_in) * size
    back = dequantize(quantize(weight), weight.shape)
    blocks = nf4._blocks(weight.flatten(), 64).abs().amax(1)
    gap = (nf4_levels().diff().max() / 2).item()
    allowed = (gap + 0.08) * blocks.repeat_interleave(64)[: weight.numel()]
    spread = blocks.max() * 0.02  # the scales are rounded, too
    assert ((back - weight).abs().flatten() <= allowed + spread).all()


def test_a_weight_of_zeros_stays_zero():
    assert dequantize(quantize(torch.zeros(3, 50)), (3, 50)).abs().max() == 0


def test_the_layer_multiplies_with_what_it_stored_and_passes_the_gradient_on():
    linear = nn.Linear(40, 24)
    layer = NF4Linear(linear)
    weight = layer.dequantize()
    x = torch.randn(5, 3, 40, requires_grad=True)
    torch.testing.assert_close(layer(x), nn.functional.linear(x, weight, linear.bias))
    layer(x).pow(2).sum().backward()
    [expected] = torch.autograd.grad(
        nn.functional.linear(x, weight, linear.bias).pow(2).sum(), x
    )
    torch.testing.assert_close(x.grad, expected)


def test_no_float_weight_is_kept_and_a_number_takes_little_more_than_half_a_byte():
    linear = nn.Linear(768, 2304, bias=False)
    layer = NF4Linear(linear)
    held = sum(b.numel() * b.element_size() for b in layer.buffers())
    assert held / linear.weight.numel() < 0.517
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: saved.append(tensor.numel()) or tensor, lambda tensor: tensor
    ):
        layer(torch.randn(2, 768, requires_grad=True))
    assert sum(saved) == 0


def test_qlora_starts_as_the_4_bit_model_and_only_its_updates_learn(any_gpt):
    model = GPTClassifier(any_gpt).eval()
    head = {f"head.{name}" for name, _ in model.head.named_parameters()}
    ids = torch.randint(257, (4, 9))
    names = quantize_linears(model)
    before = model(ids)
    assert add_lora(model, LoRAConfig(rank=2)) == names
    assert torch.equal(model(ids), before)
    model(ids).sum().backward()
    learn = {name for name, p in model.named_parameters() if p.grad is not None}
    assert {name for name in learn if not name.endswith((".A", ".B"))} == head
    assert len(learn) == 2 * len(names) + len(head)


def test_levels_have_numbers_even_if_memory_was_all_that_was_asked_of_them_first():
    place = importlib.util.find_spec("spamft.methods.nf4")
    fresh = importlib.util.module_from_spec(place)
    place.loader.exec_module(fresh)
    with torch.device("meta"):
        fresh.NF4Linear(nn.Linear(64, 64)).dequantize()
    weight = torch.randn(64, 64)
    assert fresh.quantize(weight)["codes"].equal(quantize(weight)["codes"])


def test_a_target_that_is_not_there_is_named(tiny_gpt):
    with pytest.raises(ValueError, match="'query'"):
        quantize_linears(tiny_gpt, ("qkv", "query"))
    assert not [m for m in tiny_gpt.modules() if isinstance(m, NF4Linear)]
