import os
import platform
import time

import numpy
import torch

from spamft.plumbing import machine
from spamft.plumbing.machine import (
    free_ram,
    matrix_rate,
    median_seconds,
    processor,
    ram,
    versions,
)


def test_versions_are_those_of_what_is_installed(monkeypatch):
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == numpy.__version__
    assert torch.__version__.startswith(found["torch"])  # which may add "+cu130"
    monkeypatch.setattr(machine, "PACKAGES", ("no-such-package",))
    assert list(versions()) == ["python"]


def test_the_processor_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "LINUX", tmp_path)
    assert processor()  # on other systems
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A: fast one\n")
    assert processor() == "A: fast one"


def test_memory_is_the_machines_or_a_smaller_limit(monkeypatch, tmp_path):
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    monkeypatch.setattr(machine, "memory_limit", lambda: None)
    assert ram() == whole
    monkeypatch.setattr(machine, "memory_limit", lambda: 1000)
    assert ram() == 1000
    monkeypatch.setattr(machine, "LINUX", tmp_path)
    assert free_ram() is None
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   7 kB\n")
    assert free_ram() == 7 * 1024


def test_the_first_call_is_not_timed_and_the_median_counts(monkeypatch):
    clock, takes = [0.0], iter([100.0, 1.0, 3.0, 2.0])
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def work():
        clock[0] += next(takes)

    assert median_seconds(work, 0.0) == 2.0


def test_a_rate_is_that_of_the_products(monkeypatch):
    monkeypatch.setattr(machine, "median_seconds", lambda work, at_least: 1e-9)
    assert matrix_rate(seconds=0) == 10 * 2 * 1024 * 768 * 3072
