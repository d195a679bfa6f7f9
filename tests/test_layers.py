"""The import graph stays a staircase: a module may import only from lower steps."""

import ast
from pathlib import Path

import pytest

import spamft

STAIRS = [
    {"fetch", "formats", "modes"},
    {"data", "tokenizer", "gpt", "evaluate"},
    {"pretrained", "train"},
    {"batches", "plots", "pretrain"},
    {"classifier"},
    {"trunk", "sources"},
    {"job"},
    {"cli"},
]
STEP = {name: step for step, names in enumerate(STAIRS) for name in names}
# Beyond the staircase: what stays ignorant of what
STRANGERS = {
    "train": {"gpt", "data", "tokenizer"},
    "evaluate": {"gpt", "data", "tokenizer"},
    "plots": {"gpt", "classifier", "tokenizer"},
}
FILES = sorted(Path(spamft.__file__).parent.glob("[!_]*.py"))


def imports_of(path: Path) -> set[str]:
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.startswith("spamft."):
                used.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            used |= {parts[1] for parts in names if parts[0] == "spamft" and parts[1:]}
    return used


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_point_down(path):
    below = {name for name, step in STEP.items() if step < STEP[path.stem]}
    assert imports_of(path) <= below - STRANGERS.get(path.stem, set())


def test_only_the_job_imports_the_plots():
    users = {path.stem for path in FILES if "plots" in imports_of(path)}
    assert users == {"job"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_module_names_what_it_offers(path):
    module = __import__(f"spamft.{path.stem}", fromlist=["__all__"])
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_module_has_its_tests(path):
    assert (Path(__file__).parent / f"test_{path.stem}.py").exists()
