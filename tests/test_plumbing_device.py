import pytest
import torch

from spamft.plumbing.device import (
    check_bf16,
    describe_device,
    has_bf16,
    has_int8,
    pick_device,
    token_budget,
)

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
    assert describe_device(CPU) == f"cpu ({torch.get_num_threads()} threads)"
    assert describe_device(MPS) == "mps"


@pytest.mark.parametrize(
    "there, bf16, int8",
    [
        ({}, False, False),
        ({"avx512_vnni": True}, False, True),
        ({"avx512_vnni": True, "avx512_bf16": True}, True, True),
        ({"neon": True, "bf16": True}, True, False),  # of an Arm
    ],
)
def test_a_cpu_has_what_its_instructions_say(there, bf16, int8, monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: there)
    assert (has_bf16(CPU), has_int8(CPU)) == (bf16, int8)
    assert not has_int8(CUDA) and not has_bf16(MPS) and not has_int8(MPS)


def test_bfloat16_is_refused_where_it_is_not_in_the_hardware(monkeypatch):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    check_bf16(CPU)
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    with pytest.raises(ValueError, match="this cpu has no bfloat16"):
        check_bf16(CPU)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **options: False)
    with pytest.raises(ValueError, match="this cuda has no bfloat16"):
        check_bf16(CUDA)
    with pytest.raises(ValueError, match="this mps has no bfloat16"):
        check_bf16(MPS)
