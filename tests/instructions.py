"""The precisions that this machine can test."""

import pytest
import torch

from spamft.plumbing.device import has_int8

__all__ = ["COARSE", "needs_int8"]

needs_int8 = pytest.mark.skipif(
    not has_int8(torch.device("cpu")), reason="torch's int8 sums overflow on this CPU"
)
COARSE = ["bf16", pytest.param("int8", marks=needs_int8)]  # bf16 can be emulated
