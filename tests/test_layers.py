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
    {"insight.audit", "insight.baselines", "insight.calibrate", "insight.explain"}
    | {"methods.lora", "methods.nf4", "methods.table"},
    {"methods.adapter", "methods.instruct", "methods.memory"},
    {"job"},
    {"methods.compare"},
    {"cli"},
]
STEP = {name: step for step, names in enumerate(STAIRS) for name in names}
# Beyond the staircase: what stays ignorant of what
STRANGERS = {
    "train": {"gpt", "data", "tokenizer"},
    "evaluate": {"gpt", "data", "tokenizer"},
    "plots": {"gpt", "classifier", "tokenizer"},
}
ROOT = Path(spamft.__file__).parent
FILES = sorted(ROOT.rglob("[!_]*.py"))


def name_of(path: Path) -> str:
    """methods/lora.py -> methods.lora."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def imports_of(path: Path) -> set[str]:
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module.startswith("spamft."):
                used.add(node.module.removeprefix("spamft."))
            elif node.module == "spamft":
                used |= {alias.name for alias in node.names} & set(STEP)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            used |= {n.removeprefix("spamft.") for n in names if "spamft." in n}
    return used


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_down(path):
    name = name_of(path)
    below = {other for other, step in STEP.items() if step < STEP[name]}
    assert imports_of(path) <= below - STRANGERS.get(name, set())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_the_ground_floor_knows_nothing_of_the_wings(path):
    if "." not in name_of(path) and name_of(path) != "cli":
        assert not [used for used in imports_of(path) if "." in used]


def test_only_who_writes_results_imports_the_plots():
    users = {name_of(path) for path in FILES if "plots" in imports_of(path)}
    assert users <= {"job", "methods.compare"}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_names_what_it_offers(path):
    module = __import__(f"spamft.{name_of(path)}", fromlist=["__all__"])
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_every_module_has_its_tests(path):
    assert (
        Path(__file__).parent / f"test_{name_of(path).replace('.', '_')}.py"
    ).exists()
