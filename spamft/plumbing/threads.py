"""How many threads compute, and how those that wait for the others do it.

The threads of a matrix product wait for each other at its end. OpenMP, which runs them,
lets those that wait spin for some milliseconds: on an idle machine the next product
starts a little sooner. Beside other busy programs the one that is waited for has no
processor, and those that spin keep it from getting one: training a small model on two
threads becomes many times slower than on one. Threads that sleep give way. Besides,
torch asks how many processors the process may run on, but not for how much of the time:
a container with two processors' worth of a machine with 64 gets 64 threads.

OpenMP reads the environment once, when torch is imported, so nothing here imports it.
"""

import math
import os
import sys

from spamft.plumbing.cgroup import cpu_quota
from spamft.plumbing.errors import SpamftError

__all__ = [
    "describe_threads",
    "prepare_threads",
    "sleeps_while_waiting",
    "usable_cpus",
    "use_threads",
]

COUNT = "OMP_NUM_THREADS"
# How to wait, by any of OpenMP's libraries: the standard's name, GNU's, LLVM's
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def prepare_threads() -> None:
    """Change the environment, before torch is imported: threads that wait sleep, and
    there are no more of them than the quota pays for.

    For a program of one's own, such as the command line or a notebook. What the
    environment says already stays, and once torch is imported nothing changes.
    """
    if "torch" in sys.modules:
        return
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    # without a quota torch decides: it knows which processors share a core
    if COUNT not in os.environ and usable_cpus() < _allowed_cpus():
        os.environ[COUNT] = str(usable_cpus())


def use_threads(count: int) -> None:
    """Change this process: torch computes with `count` threads from now on.

    Raises SpamftError for less than one, or more than the machine has processors.
    """
    most = os.cpu_count() or 1
    if not 1 <= count <= most:
        raise SpamftError(
            f"threads={count} must lie in 1..{most}, the processors of this machine"
        )
    import torch

    torch.set_num_threads(count)


def usable_cpus() -> int:
    """The processors that this process may use, and has the time of, rounded up."""
    quota = cpu_quota()
    return _allowed_cpus() if quota is None else min(_allowed_cpus(), math.ceil(quota))


def _allowed_cpus() -> int:
    """The processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def sleeps_while_waiting() -> bool:
    """Whether the environment tells threads that wait to sleep at once."""
    waits = [os.environ.get(name, "").upper() for name in WAITING]
    return waits[0] == "PASSIVE" or "0" in waits[1:]


def describe_threads() -> str:
    """How many threads torch has here, and why, in a few words.

    >>> describe_threads().startswith("1 thread")
    True
    """
    import torch

    count, allowed, quota = torch.get_num_threads(), _allowed_cpus(), cpu_quota()
    words = f"{count} thread" + "s" * (count != 1)
    if quota is not None and quota < allowed:
        words += f": a quota of {quota:g} of {allowed} processors"
    elif count != allowed:
        words += f" on {allowed} processors"
    return words
