import pytest
import torch

from spamft.plumbing.device import (
    check_bf16,
    describe_device,
    pick_device,
    token_budget,
)
from spamft.plumbing.threads import describe_threads

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


@pytest.fixture
def machine(monkeypatch):
    def has(*, cuda=False, mps=False):
        monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
        monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)

    return has


def test_auto_is_cuda_then_mps_then_cpu(machine):
    machine(cuda=True, mps=True)
    assert pick_device("auto") == CUDA
    machine(mps=True)
    assert pick_device() == MPS
    machine()
    assert pick_device("auto") == CPU


def test_a_device_that_is_named_is_taken_or_refused(machine):
    machine(cuda=True)
    assert pick_device("cpu") == CPU
    with pytest.raises(ValueError, match="this machine has no mps device"):
        pick_device("mps")
    with pytest.raises(ValueError, match="'gpu' must be one of auto, cuda, mps, cpu"):
        pick_device("gpu")


def test_a_gpu_reads_more_tokens_at_once():
    assert token_budget(CPU) < token_budget(MPS) < token_budget(CUDA)


def test_a_device_is_described_in_words():
    assert describe_device(CPU) == f"cpu ({describe_threads()})"
    assert describe_device(MPS) == "mps"


def test_bfloat16_is_refused_where_it_is_not_in_the_hardware(monkeypatch):
    check_bf16(CPU)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **options: False)
    with pytest.raises(ValueError, match="this cuda has no bfloat16"):
        check_bf16(CUDA)
    with pytest.raises(ValueError, match="this mps has no bfloat16"):
        check_bf16(MPS)
