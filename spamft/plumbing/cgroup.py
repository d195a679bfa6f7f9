"""What a container or a service grants this process: processors and memory.

Linux keeps it in the files of control groups ("cgroups"), of version 1 or 2. Elsewhere,
and where nothing is limited, the answer is None.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["cpu_quota", "memory_limit"]

PROCESS = Path("/proc/self")  # where Linux tells a process of itself
NO_LIMIT = 2**62  # version 1 writes about 2**63 bytes for "as much as there is"


def cpu_quota(process: Path | None = None) -> float | None:
    """How many processors' time it may use: 1.5 is 150 ms of every 100 ms."""
    quotas = []
    for folder in _folders("cpu", process or PROCESS):
        with suppress(OSError, ValueError):  # "max" is no limit
            quota, period = (folder / "cpu.max").read_text().split()
            quotas.append(int(quota) / int(period))
        with suppress(OSError, ValueError):
            quota = int((folder / "cpu.cfs_quota_us").read_text())
            if quota > 0:  # -1 is no limit
                quotas.append(quota / int((folder / "cpu.cfs_period_us").read_text()))
    return min(quotas, default=None)


def memory_limit(process: Path | None = None) -> int | None:
    """How many bytes it may hold."""
    limits = []
    for folder in _folders("memory", process or PROCESS):
        for name in ("memory.max", "memory.limit_in_bytes"):
            with suppress(OSError, ValueError):
                limits.append(int((folder / name).read_text()))
    return min((limit for limit in limits if limit < NO_LIMIT), default=None)


def _folders(controller: str, process: Path) -> Iterator[Path]:
    """The folders of the groups that this process is in, up to the outermost seen."""
    try:
        groups = (process / "cgroup").read_text().splitlines()
        mounts = (process / "mountinfo").read_text().splitlines()
    except OSError:  # not Linux
        return
    group_of = {}  # controller -> group; "" is version 2, which has all of them
    for line in groups:
        _, names, group = line.split(":", 2)
        group_of |= dict.fromkeys(names.split(","), group)
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, mount = before.split()[3:5]
        kind, _, options = after.split(maxsplit=2)
        if kind == "cgroup2" and "" in group_of:
            group = group_of[""]
        elif kind == "cgroup" and controller in options.split(","):
            group = group_of.get(controller, "/")
        else:
            continue
        folder = Path(mount)
        yield folder
        with suppress(ValueError):  # a container may see its group as the outermost
            for part in Path(group).relative_to(root).parts:
                folder /= part
                yield folder
