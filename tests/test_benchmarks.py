"""The benchmarks are run by hand: what they import from the package must be there."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


def opened(path: Path, monkeypatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(path.parent), *sys.path])
    # under another name than its own, which may be that of a module of the package
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_a_benchmark_finds_all_that_it_imports(path, monkeypatch):
    assert opened(path, monkeypatch).__doc__


def test_a_ratio_that_cannot_be_measured_says_why(monkeypatch):
    every = opened(BENCHMARKS[0].with_name("all.py"), monkeypatch)
    assert {row.part for row in every.ROWS} == set(every.PARTS)
    results = dict.fromkeys(every.PARTS, every.FAILED) | {"lora": {"ratio": 2.75}}
    rows = {row["name"]: row for row in every.rows_of(results)}
    measured = rows.pop("LoRA over PEFT with dynamic padding")
    assert measured["ratio"] == 2.75 and measured["shown"] == "2.8 x"
    assert {row["shown"] for row in rows.values()} == {every.FAILED}
    assert {row["ratio"] for row in rows.values()} == {None}


def test_what_a_program_lacks_is_known_before_it_runs(monkeypatch):
    every = opened(BENCHMARKS[0].with_name("all.py"), monkeypatch)
    assert every.Part("lora.py").missing() is None
    assert every.Part("nowhere.py").missing() == "there is no nowhere.py"
    without = every.Part("lora.py", precision="int8")
    assert without.missing() == "lora.py has no --precision"
