import os
import subprocess
import sys

import pytest
import torch

from spamft.plumbing import threads
from spamft.plumbing.threads import (
    describe_threads,
    prepare_threads,
    sleeps_while_waiting,
    usable_cpus,
    use_threads,
)


@pytest.fixture
def machine(monkeypatch):
    """A machine of `cpus` processors, and a process with a share of their time."""

    def has(cpus: int, quota: float | None = None):
        monkeypatch.setattr(threads, "_allowed_cpus", lambda: cpus)
        monkeypatch.setattr(threads, "cpu_quota", lambda: quota)

    return has


@pytest.fixture
def fresh(monkeypatch):
    """A process that has not imported torch, and whose environment says nothing."""
    monkeypatch.delitem(sys.modules, "torch")
    for name in (threads.COUNT, *threads.WAITING):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "cpus, quota, usable",
    [(8, None, 8), (8, 2, 2), (8, 1.5, 2), (8, 0.3, 1), (2, 8, 2)],
)
def test_a_process_uses_no_more_processors_than_it_has_the_time_of(
    cpus, quota, usable, machine
):
    machine(cpus, quota)
    assert usable_cpus() == usable


def test_before_torch_is_imported_threads_are_told_to_sleep(machine, fresh):
    machine(8)
    prepare_threads()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE" and sleeps_while_waiting()
    assert threads.COUNT not in os.environ  # torch knows better


def test_a_quota_sets_their_number(machine, fresh):
    machine(64, 3.5)
    prepare_threads()
    assert os.environ[threads.COUNT] == "4"


@pytest.mark.parametrize("name", threads.WAITING)
def test_what_the_environment_says_stays(name, machine, fresh, monkeypatch):
    machine(8, 2)
    monkeypatch.setenv(name, "7")
    monkeypatch.setenv(threads.COUNT, "5")
    prepare_threads()
    said = {n: os.environ.get(n) for n in (threads.COUNT, *threads.WAITING)}
    assert {n: v for n, v in said.items() if v} == {name: "7", threads.COUNT: "5"}
    assert not sleeps_while_waiting()


def test_a_program_that_has_torch_is_left_alone(machine, fresh, monkeypatch):
    machine(8, 2)
    monkeypatch.setitem(sys.modules, "torch", torch)
    before = dict(os.environ)
    prepare_threads()
    assert os.environ == before


def test_importing_the_package_changes_nothing_and_the_command_line_does():
    script = (
        "import os, spamft, spamft.plumbing.threads\n"
        "before = os.environ.get('OMP_WAIT_POLICY')\n"
        "from spamft.cli.main import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: print(before, os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {k: v for k, v in os.environ.items() if k not in threads.WAITING}
    shown = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines()[-1] == "None PASSIVE"


def test_a_number_of_threads_is_used_or_refused():
    before = torch.get_num_threads()
    try:
        use_threads(os.cpu_count())
        assert torch.get_num_threads() == os.cpu_count()
    finally:
        torch.set_num_threads(before)
    for count in (0, -1, os.cpu_count() + 1):
        with pytest.raises(ValueError, match=rf"threads={count} must lie in 1\.\."):
            use_threads(count)


def test_the_description_says_what_limits_them(machine, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    machine(2)
    assert describe_threads() == "2 threads"
    machine(8)
    assert describe_threads() == "2 threads on 8 processors"
    machine(64, 1.5)
    assert describe_threads() == "2 threads: a quota of 1.5 of 64 processors"
