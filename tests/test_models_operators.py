"""What they compute is compared in test_export_onnx_graph.py, and that of all kinds."""

import torch

from spamft.models.architectures import ARCHITECTURES
from spamft.models.llama import rotate
from spamft.models.operators import OPERATORS


def test_every_architecture_of_the_package_has_operators():
    assert OPERATORS.keys() == ARCHITECTURES.keys()


def test_turning_one_and_nothing_gives_cosine_and_sine():
    """What the graph of a Llama takes its tables from."""
    one = torch.zeros(1, 1, 5, 8)
    one[..., :4] = 1
    cos, sin = rotate(one, torch.arange(5), 100.0).chunk(2, -1)
    angles = torch.arange(5.0)[:, None] * 100.0 ** -(torch.arange(4) / 4)
    torch.testing.assert_close(cos[0, 0], angles.cos())
    torch.testing.assert_close(sin[0, 0], angles.sin())
