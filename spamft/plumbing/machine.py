"""What a machine is and how fast it multiplies: for reports and benchmarks."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from spamft.plumbing.cgroup import memory_limit

__all__ = ["free_ram", "matrix_rate", "median_seconds", "processor", "ram", "versions"]

LINUX = Path("/proc")  # where Linux tells of itself
# Whose version may explain a result; the last ones are not everywhere
PACKAGES = (
    *("torch", "numpy", "pandas", "scikit-learn", "tiktoken", "safetensors"),
    *("transformers", "tokenizers", "gguf", "onnxruntime"),
)


def versions() -> dict[str, str]:
    """The version of Python and of each of PACKAGES that is installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    with suppress(OSError, StopIteration):
        lines = (LINUX / "cpuinfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("model name"))
        return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def ram() -> int | None:
    """Bytes of memory that this process may fill: the machine's, or its limit."""
    sizes = [memory_limit()]
    with suppress(AttributeError, OSError, ValueError):  # Windows
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return min((size for size in sizes if size is not None), default=None)


def free_ram() -> int | None:
    """Bytes of memory that no program uses; None where the system does not say."""
    with suppress(OSError, StopIteration):
        lines = (LINUX / "meminfo").read_text().splitlines()
        line = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(line.split()[1]) * 1024
    return None


def median_seconds(work: Callable[[], object], at_least: float) -> float:
    """How long `work` takes: the median of the calls within `at_least` seconds, and of
    three, after one that is not timed."""
    work()
    times, end = [], time.perf_counter() + at_least
    while time.perf_counter() < end or len(times) < 3:
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def matrix_rate(device: torch.device | str = "cpu", seconds: float = 1.0) -> float:
    """GFLOP/s of a float32 product of GPT-2's blocks: (1024, 768) by (768, 3072)."""
    a, b = torch.randn(1024, 768, device=device), torch.randn(768, 3072, device=device)

    def products() -> None:
        for _ in range(10):
            c = a @ b
        c[0, 0].item()  # a GPU is waited for

    return 10 * 2 * 1024 * 768 * 3072 / median_seconds(products, seconds) / 1e9
