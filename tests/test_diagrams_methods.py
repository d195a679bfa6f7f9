import pytest
import torch
from drawn import assert_legible, words_of
from torch import nn

from spamft.diagrams import finetuning_kinds, lora, nf4
from spamft.methods.lora import LoRAConfig, LoRALinear
from spamft.methods.nf4 import dequantize, nf4_levels, quantize
from spamft.plumbing.errors import SpamftError


def test_every_method_is_named():
    assert {"full", "last block", "LoRA", "QLoRA"} <= set(words_of(finetuning_kinds()))


def test_lora_counts_the_numbers_that_a_layer_has():
    with torch.device("meta"):
        layer = LoRALinear(nn.Linear(64, 256, bias=False), LoRAConfig(rank=8))
    trained = sum(p.numel() for p in layer.parameters() if p.requires_grad)
    assert f"{trained:,} numbers train instead of {64 * 256:,}." in words_of(
        lora(256, 64, 8)
    )


def test_the_bytes_are_those_of_the_quantised_layer():
    weights = torch.randn(64, generator=torch.Generator().manual_seed(1))
    words = words_of(nf4(weights))
    stored = quantize(weights)
    assert [f"{byte:02X}" for byte in stored["codes"].tolist()] == words[-35:-3]


def test_the_codes_give_the_numbers_back():
    """Byte by byte, as a reader of the picture would."""
    weights = torch.randn(64, generator=torch.Generator().manual_seed(2))
    shown = words_of(nf4(weights))[-35:-3]
    digits = [int(digit, 16) for byte in shown for digit in byte]
    by_hand = nf4_levels()[digits] * weights.abs().max()
    torch.testing.assert_close(by_hand, dequantize(quantize(weights), (64,)))


def test_any_weights_are_legible():
    assert_legible(nf4(torch.zeros(64)))
    assert_legible(nf4([-9.999] * 64))
    assert_legible(nf4(torch.arange(64.0).view(8, 8) - 32))
    assert_legible(nf4(torch.randn(64) * 1e20))
    assert_legible(lora(8192, 28672, 256))


@pytest.mark.parametrize("weights", [[1.0], [float("nan")] * 64, torch.zeros(65)])
def test_other_than_64_finite_numbers_are_refused(weights):
    with pytest.raises(SpamftError, match="give 64 finite numbers"):
        nf4(weights)
