"""Which device computes, and what each of them can do."""

from collections.abc import Iterable

import torch
from torch import Tensor

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.threads import describe_threads

__all__ = [
    "DEVICES",
    "describe_device",
    "free_memory",
    "has_bf16",
    "has_int8",
    "pick_device",
    "to_device",
    "token_budget",
]

DEVICES = ("auto", "cuda", "mps", "cpu")

# Tokens of a batch that is only read, not trained on: on a CPU its activations should
# fit the caches, a GPU wants many rows at once
_TOKEN_BUDGET = {"cpu": 1024, "cuda": 32768, "mps": 8192}


def pick_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" is cuda, else mps (Apple's), else cpu.

    Raises SpamftError if this machine does not have it.
    """
    if name not in DEVICES:
        raise SpamftError(f"device {name!r} must be one of {', '.join(DEVICES)}")
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(device for device, has in there.items() if has))
    if not there[name]:
        raise SpamftError(f"this machine has no {name} device: use auto or cpu")
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """The device in a few words, for a log."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({describe_threads()})"
    return device.type


def token_budget(device: torch.device) -> int:
    """How many tokens a batch that is only read should have there."""
    return _TOKEN_BUDGET.get(device.type, _TOKEN_BUDGET["cpu"])


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a GPU; None for the CPU, whose memory has a disk beside
    it."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        most = torch.mps.recommended_max_memory()
        return max(0, most - torch.mps.driver_allocated_memory())
    return None


def to_device(tensors: Iterable[Tensor], device: torch.device) -> list[Tensor]:
    """The tensors there; a CPU that hands them to a cuda GPU does not wait for it.

    For that they must lie in pinned memory. Apple's GPUs are waited for: there a copy
    that nobody waits for may read memory that is in use for something else by then,
    and give wrong numbers without a word (pytorch issue 189690).
    """
    if device.type != "cuda":
        return [tensor.to(device) for tensor in tensors]
    return [
        tensor.pin_memory().to(device, non_blocking=True)
        if tensor.device.type == "cpu"
        else tensor.to(device)
        for tensor in tensors
    ]


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself, instead of emulating it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "mps":  # where autocast to bfloat16 is not dependable
        return False
    return _has_instructions("avx512_bf16", "amx_bf16", "bf16")


def has_int8(device: torch.device) -> bool:
    """Whether the device has sums of products of int8 that are exact, and fast.

    A CPU without VNNI adds them in 16 bits, which overflow without a word (pytorch
    issue 136746). A GPU has them, but its `torch._int_mm` refuses some shapes.
    """
    return device.type == "cpu" and _has_instructions("avx512_vnni", "amx_int8")


def _has_instructions(*names: str) -> bool:
    """Whether this CPU has one of them; with a torch too old to say, it has not."""
    there = getattr(torch.cpu, "get_capabilities", dict)()
    return any(there.get(name, False) for name in names)
