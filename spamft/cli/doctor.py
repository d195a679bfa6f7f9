"""Does this machine compute as it should, and how long does a finetuning take on it?

Versions, device, threads, memory; figures of the bundled GPT against the stored ones;
the rate of matrix products; minutes to expect; and a paragraph for a bug report. Takes
some 15 seconds, needs no network, and ends with 1 if a figure is not as stored.
"""

import argparse
import json
import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

from spamft.cli.console import emit, say
from spamft.cli.options import DEVICE_HELP

__all__ = ["HELP", "add", "run"]

HELP = "does this machine compute as it should, and how fast"
WORTH_IT = 1.1  # one thread must be so many times as fast as all, to be advised


def add(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of this command."""
    parser.add_argument("--device", default="auto", help=DEVICE_HELP)
    parser.add_argument("--json", action="store_true", help="print everything, as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what was found; 1 if a figure is not as stored."""
    from spamft.plumbing.device import pick_device

    device = pick_device(args.device)
    if not args.json:
        say("measuring, for some 15 seconds ...")
    found = _examine(device)
    if args.json:
        emit(json.dumps(found.to_dict(), indent=2))
    else:
        for name, text in found.named().items():
            emit(f"{name:9s} {text}")
        emit(f"\nfor a bug report:\n\n{found.report()}")
    return int(not found.well)


@dataclass(frozen=True)
class _Findings:
    """All that is printed."""

    machine: dict[str, Any]  # what it is, in words and numbers
    checks: list  # Check
    rates: dict[str, float]  # GFLOP/s of matrix products, by what multiplies
    expected: list  # Expected

    @property
    def well(self) -> bool:
        return all(check.agrees for check in self.checks)

    @property
    def advice(self) -> str:
        """What would be faster; "" if nothing is known to be."""
        one, *more = self.rates.values()
        if more and one > WORTH_IT * more[0]:
            return "one thread is faster than all of them now: use --threads 1"
        return ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "well": self.well,
            **self.machine,
            "checks": [check.to_dict() for check in self.checks],
            "matrix_gflops": self.rates,
            "expected": [asdict(each) for each in self.expected],
            "advice": self.advice,
            "report": self.report(),
        }

    def named(self) -> dict[str, str]:
        """A line for each thing that was looked at."""
        from spamft.experiments.expected import JOB

        rates = ", ".join(f"{rate:,.0f} on {n}" for n, rate in self.rates.items())
        trunks = ", ".join(f"{x.trunk_gflops:,.0f} {x.name}" for x in self.expected)
        minutes = ", ".join(map(str, self.expected))
        return {
            **self.machine,
            "versions": ", ".join(map(" ".join, self.machine["versions"].items())),
            **{check.name: str(check) for check in self.checks},
            "products": f"{rates} (GFLOP/s, float32)",
            "trunk": f"{trunks} (GFLOP/s, the blocks that do not train)",
            "expect": f"{minutes} ({JOB})",
            **({"advice": self.advice} if self.advice else {}),
        }

    def report(self) -> str:
        """All of it as one paragraph."""
        return "; ".join(f"{name}: {text}" for name, text in self.named().items())


def _examine(device: Any) -> _Findings:
    from spamft.experiments.expected import JOBS, expect
    from spamft.experiments.pinned import check_pinned

    return _Findings(
        machine=_machine(device),
        checks=check_pinned(device),
        rates=_rates(device),
        expected=[expect(job, device) for job in JOBS],
    )


def _machine(device: Any) -> dict[str, Any]:
    from spamft import __version__
    from spamft.plumbing.device import describe_device
    from spamft.plumbing.machine import processor, versions

    return {
        "versions": {"spamft": __version__} | versions(),
        "system": f"{platform.system()} {platform.release()}, {processor()}",
        "device": describe_device(device),
        "threads": _threads(),
        "memory": _memory(device),
    }


def _threads() -> str:
    from spamft.plumbing.threads import (
        COUNT,
        WAITING,
        describe_threads,
        sleeps_while_waiting,
    )

    told = [f"{n}={os.environ[n]}" for n in (COUNT, *WAITING) if n in os.environ]
    how = "sleep" if sleeps_while_waiting() else "spin"
    told = f" ({', '.join(told)})" if told else ""
    return f"{describe_threads()}; those that wait {how}{told}"


def _memory(device: Any) -> str:
    from spamft.plumbing.device import free_memory
    from spamft.plumbing.machine import free_ram, ram

    sizes = {
        "in all": ram(),
        "free": free_ram(),
        "free on the GPU": free_memory(device),
    }
    known = [f"{n / 1e9:.1f} GB {what}" for what, n in sizes.items() if n is not None]
    return ", ".join(known) or "unknown"


def _rates(device: Any) -> dict[str, float]:
    """On a CPU also of one thread alone: beside busy programs more may be slower."""
    import torch

    from spamft.plumbing.machine import matrix_rate

    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1:
        name = "one thread" if device.type == "cpu" else device.type
        return {name: matrix_rate(device, 0.7)}
    rates = {}
    try:
        for name, count in (("one thread", 1), (f"{threads} threads", threads)):
            torch.set_num_threads(count)
            rates[name] = matrix_rate(device, 0.7)
    finally:
        torch.set_num_threads(threads)
    return rates
