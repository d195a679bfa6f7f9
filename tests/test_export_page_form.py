import copy

import pytest
import torch

from spamft.classifier import GPTClassifier
from spamft.export.page_form import FORMS, in_form


@pytest.mark.parametrize("name", FORMS)
def test_what_a_page_unpacks_is_what_the_smaller_model_has(name, tiny_gpt):
    """And only matrices lose something: the head and all vectors are as they were."""
    model = GPTClassifier(tiny_gpt).eval()
    before = copy.deepcopy(model.state_dict())
    small, tensors = in_form(model, name)
    for key, weight in small.state_dict().items():
        assert torch.equal(model.state_dict()[key], before[key])
        if weight.dim() < 2 or key.startswith("head."):
            assert torch.equal(weight, before[key]) and torch.equal(
                weight, tensors[key]
            )
            continue
        parts = {k[len(key) :]: t for k, t in tensors.items() if k.startswith(key)}
        again = FORMS[name].unpack(parts, weight.shape)
        torch.testing.assert_close(again, weight)
        assert not torch.equal(weight, before[key])


def test_8_bits_are_off_by_half_a_step_of_their_row():
    weight = torch.randn(20, 30) * torch.logspace(-3, 3, 20)[:, None]
    weight[3] = 0
    stored = FORMS["int8"].pack(weight)
    step = weight.abs().amax(1, keepdim=True) / 127
    gap = (FORMS["int8"].unpack(stored, weight.shape) - weight).abs()
    assert (gap <= step * 0.5001).all() and stored[""].dtype == torch.int8


@pytest.mark.parametrize("name", FORMS)
def test_a_form_takes_the_bytes_that_it_says(name):
    weight = torch.randn(256, 256)
    size = sum(t.numel() * t.element_size() for t in FORMS[name].pack(weight).values())
    assert size / weight.numel() == pytest.approx(FORMS[name].bytes, rel=0.03)
