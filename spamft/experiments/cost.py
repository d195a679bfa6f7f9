"""What a run takes: memory of the process, numbers that train, bytes of a file."""

import ctypes
import gc
import pickle
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from torch import nn

__all__ = ["PeakMemory", "estimator_size", "trained_size"]


class PeakMemory:
    """The most memory that the process holds in a `with` block, 20 samples per second.

    Anonymous memory: pages of mapped files, which the system drops when it needs room,
    do not count, nor does what was freed before the block, where the C library is
    glibc. `bytes` is None where the system does not say (not Linux).
    """

    STATUS = Path("/proc/self/status")

    def __enter__(self) -> "PeakMemory":
        _return_freed()
        self.bytes: int | None = None
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def _watch(self) -> None:
        while self.STATUS.exists():
            with suppress(MemoryError):  # a sample less; what is measured will tell
                lines = self.STATUS.read_text().splitlines()
                [line] = [x for x in lines if x.startswith("RssAnon")]
                self.bytes = max(self.bytes or 0, int(line.split()[1]) * 1024)
            if self._done.wait(0.05):
                return

    def __exit__(self, *error) -> None:
        self._done.set()
        self._watcher.join()


def _return_freed() -> None:
    """Give memory back that the process has freed: earlier runs must not count.

    glibc, Linux's usual C library, keeps much of it for what comes next.
    """
    gc.collect()
    with suppress(OSError, AttributeError):  # another library, another system
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def trained_size(model: nn.Module) -> tuple[int, int]:
    """(parameters that train, bytes of a file with these alone)."""
    trained = [p for p in model.parameters() if p.requires_grad]
    count = sum(p.numel() for p in trained)
    return count, sum(p.numel() * p.element_size() for p in trained)


def estimator_size(estimator: BaseEstimator) -> tuple[int, int]:
    """The same of a fitted scikit-learn estimator: coefficients, or thresholds."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    if hasattr(last, "get_n_leaves"):
        count = int(last.get_n_leaves()) - 1
    else:
        count = int(np.size(getattr(last, "coef_", ())))
    return count, len(pickle.dumps(estimator))
