"""Products in fewer bits are the float32 ones but for rounding."""

import pytest
import torch
from instructions import COARSE, needs_int8
from torch import nn
from torch.nn import functional as F

from spamft.models.low_precision import BF16Linear, Int8Linear


@pytest.fixture(params=COARSE)
def precision(request) -> str:
    return request.param


def coarse(linear: nn.Linear, precision: str) -> nn.Linear:
    if precision == "bf16":
        return BF16Linear(linear)
    return Int8Linear(linear, torch.tensor([3, 8]))


@pytest.mark.parametrize("bias", [True, False])
def test_a_product_is_the_float32_one_but_for_rounding(precision, bias):
    linear, x = nn.Linear(96, 40, bias), torch.randn(5, 7, 96)
    expected, found = linear(x), coarse(linear, precision)(x)
    assert found.dtype == torch.float32 and found.shape == expected.shape
    error = (found - expected).norm() / expected.norm()
    assert 0 < error < {"bf16": 0.005, "int8": 0.015}[precision]


@needs_int8
def test_int8_is_what_numpy_makes_of_the_same_whole_numbers():
    linear, x = nn.Linear(64, 24), torch.randn(9, 64)
    layer = Int8Linear(linear, torch.tensor([], dtype=torch.int64))
    weight, rows = linear.weight.detach().double().numpy(), x.double().numpy()
    scales = abs(weight).max(1) / 127, abs(rows).max(1) / 127
    whole = (rows / scales[1][:, None]).round() @ (
        weight / scales[0][:, None]
    ).round().T
    expected = whole * scales[0] * scales[1][:, None] + linear.bias.detach().numpy()
    torch.testing.assert_close(
        layer(x).double(), torch.tensor(expected), atol=1e-5, rtol=0
    )


@needs_int8
def test_int8_sums_do_not_overflow_and_are_exact():
    """The largest there are: 127 times 127, 4,096 times."""
    linear = nn.Linear(4096, 8, bias=False)
    linear.weight.data.fill_(2.0)
    layer = Int8Linear(linear, torch.tensor([0]))
    for sign in (1, -1):
        torch.testing.assert_close(
            layer(torch.full((3, 4096), sign * 5.0)),
            torch.full((3, 8), sign * 4096 * 10.0),
            atol=0,
            rtol=1e-6,
        )


def test_a_token_does_not_depend_on_its_batch(precision):
    layer, x = coarse(nn.Linear(96, 40), precision), torch.randn(6, 11, 96)
    alone = layer(x[2:3, :4])
    atol = {"bf16": 1e-2, "int8": 1e-6}[precision]
    torch.testing.assert_close(layer(x)[2:3, :4], alone, atol=atol, rtol=0)


@needs_int8
def test_channels_that_are_much_larger_do_not_make_the_others_coarse():
    linear, x = nn.Linear(96, 40), torch.randn(20, 96)
    x[:, 5] *= 1000
    x[:, 90] *= 300
    errors = []
    for outliers in ([0, 1], [5, 90]):
        layer, expected = Int8Linear(linear, torch.tensor(outliers)), linear(x)
        # of what the other channels add, which the two drown
        rest = F.linear(x.index_fill(1, torch.tensor([5, 90]), 0), linear.weight)
        errors.append((layer(x) - expected).norm() / rest.norm())
    assert errors[1] < 0.015 < 30 * errors[1] < errors[0]


def test_a_gradient_passes_through_to_the_input(precision):
    linear, x, gradients = nn.Linear(96, 40), torch.randn(6, 96), []
    for layer in (linear, coarse(linear, precision)):
        rows = x.clone().requires_grad_()
        layer(rows).square().sum().backward()
        gradients.append(rows.grad)
    error = (gradients[1] - gradients[0]).norm() / gradients[0].norm()
    assert error < 0.02


def test_it_refuses_to_train(precision):
    layer = coarse(nn.Linear(96, 40), precision).requires_grad_(True)
    with pytest.raises(ValueError, match="is frozen: it cannot train"):
        layer(torch.randn(2, 96))


def test_its_state_is_that_of_the_plain_layer(precision):
    linear = nn.Linear(96, 40)
    state = coarse(linear, precision).state_dict()
    assert {n: t.data_ptr() for n, t in state.items()} == {
        n: t.data_ptr() for n, t in linear.state_dict().items()
    }
