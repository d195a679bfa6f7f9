import pytest
import torch

from spamft.plumbing.device import (
    describe_device,
    free_memory,
    has_bf16,
    has_int8,
    pick_device,
    to_device,
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


class Spy:
    """A tensor on the CPU that notes what is asked of it."""

    device = CPU

    def __init__(self, asked=()):
        self.asked = asked

    def pin_memory(self):
        return Spy((*self.asked, "pin"))

    def to(self, device, non_blocking=False):
        return (*self.asked, device.type, "at once" if non_blocking else "wait")


@pytest.mark.parametrize(
    "device, asked",
    [
        (CUDA, ("pin", "cuda", "at once")),
        (MPS, ("mps", "wait")),
        (CPU, ("cpu", "wait")),
    ],
)
def test_only_a_copy_from_pinned_memory_to_cuda_is_not_waited_for(device, asked):
    assert to_device([Spy()], device) == [asked]


def test_what_is_there_stays_as_it_is():
    tensor = torch.ones(3)
    assert to_device((tensor,), CPU)[0] is tensor


def test_a_gpu_says_what_memory_is_free(monkeypatch):
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (5, 9))
    monkeypatch.setattr("torch.mps.recommended_max_memory", lambda: 9)
    monkeypatch.setattr("torch.mps.driver_allocated_memory", lambda: 2)
    assert (free_memory(CUDA), free_memory(MPS), free_memory(CPU)) == (5, 7, None)
