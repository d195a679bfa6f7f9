"""The house has seven floors, and a module imports only from its own or lower ones."""

import ast
import re
from pathlib import Path

import pytest

import spamft

FLOORS = [
    {"plumbing"},
    {"reading", "data", "tokenizer", "gpt", "evaluate", "batches"},
    {"classifier", "train", "pretrained", "models", "sources"},
    {"trunk", "use.verdict", "use.predict", "plots"},
    {
        *("methods", "insight", "pretraining"),
        *("use.trained", "use.saved", "use.tables"),
    },
    {"experiments", "diagrams", "export", "check"},
    {"cli"},
]
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
# Beyond the floors: what stays ignorant of what
STRANGERS = {
    "methods": {"insight", "pretraining"},
    "insight": {"methods", "pretraining"},
    "pretraining": {"methods", "insight"},
    "train": {"gpt", "data", "tokenizer", "batches", "classifier"},
    "evaluate": {"gpt", "data", "tokenizer", "batches", "classifier"},
    "plots": {"gpt", "classifier", "tokenizer"},
}
ONLY_TYPES = {"methods.task", "plumbing.errors", "sources.collection"}
LECTURE = {
    *("data", "tokenizer", "batches", "gpt", "pretrained"),
    *("classifier", "evaluate", "train"),
}
ROOT = Path(spamft.__file__).parent
FILES = sorted(ROOT.rglob("[!_]*.py"))
MODULES = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in FILES}
each = pytest.mark.parametrize("name", MODULES)


def place_of(name: str) -> str:
    """methods.lora -> methods; use.predict is a place of its own."""
    return name if name in FLOOR else name.partition(".")[0]


def imports_of(path: Path) -> set[str]:
    """Modules of the package that a file imports, inside functions too."""
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "spamft"
        ):
            inside = node.module.removeprefix("spamft").removeprefix(".")
            names = [f"{inside}.{alias.name}".strip(".") for alias in node.names]
            used |= {name if name in MODULES else inside for name in names} - {""}
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            used |= {
                n.removeprefix("spamft.") for n in names if n.startswith("spamft.")
            }
    return used


@each
def test_imports_point_down(name):
    place = place_of(name)
    allowed = {other for other in FLOOR if FLOOR[other] <= FLOOR[place]}
    used = {place_of(other) for other in imports_of(MODULES[name])}
    assert used <= allowed - STRANGERS.get(place, set())


def test_no_import_goes_round_in_a_circle():
    graph = {name: imports_of(path) & set(MODULES) for name, path in MODULES.items()}
    while leaves := {name for name, used in graph.items() if not used & set(graph)}:
        graph = {name: used for name, used in graph.items() if name not in leaves}
    assert not graph


def test_at_the_top_lies_the_lecture_and_nothing_else():
    assert {name for name in MODULES if "." not in name} == LECTURE


def test_the_map_names_every_module():
    """That of the package its files and folders, that of a folder its files."""
    for folder in {path.parent for path in FILES}:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
        for path in folder.glob("[!_]*.py"):
            assert re.search(rf"\b{path.name}\b", text), path
    top = ast.get_docstring(ast.parse((ROOT / "__init__.py").read_text()))
    folders = {path.parent.name for path in FILES if path.parent != ROOT}
    assert set(re.findall(r"^\s+(\w+)/", top, re.MULTILINE)) == folders


@each
def test_every_module_declares_what_it_offers(name):
    module = __import__(f"spamft.{name}", fromlist=["__all__"])
    assert all(hasattr(module, offered) for offered in module.__all__)


@each
def test_every_module_has_its_tests(name):
    file = Path(__file__).parent / f"test_{name.replace('.', '_')}.py"
    assert file.exists() != (name in ONLY_TYPES)


def test_no_layer_is_named_outside_its_architectures_two_files():
    """One has the layers, one their table; the rest goes by Backbone. ONNX's operators
    are the layers once more."""
    layers = r"\b(qkv|tok_emb|pos_emb|norm_1|norm_2|mlp\.(up|down)|attention\.\w+)\b"
    for name, path in MODULES.items():
        if name in (
            "gpt",
            "pretrained",
            "models.llama",
            "models.llama_files",
            "models.gguf",
            "models.operators",
        ):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words = getattr(node, "attr", None) or getattr(node, "value", None)
            if isinstance(words, str) and "\n" not in words:
                assert not re.fullmatch(layers, words), f"{words} in {name}"


def test_the_four_calls_are_at_hand_and_imported_only_when_used():
    import subprocess
    import sys

    script = "import sys, spamft; print('torch' in sys.modules, callable(spamft.load))"
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["False", "True"]
    for name in ("classify", "download", "finetune", "load"):
        assert name in dir(spamft) and callable(getattr(spamft, name))
    with pytest.raises(AttributeError, match="has no attribute 'frobnicate'"):
        spamft.frobnicate  # noqa: B018
