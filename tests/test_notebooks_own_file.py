"""Every notebook that opens messages runs on a file of one's own."""

import ast
import os
import random
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from notebook_cells import (
    accepted,
    code_of,
    copy_of_the_folder,
    set_parameters,
    tagged,
)

from notebooks.build import HERE, SOURCES, read_source, run

FILE = """
- **A file of your own** works, too: `DATA = "mine.csv"`, with {} and at least 100
messages of each; TEXT and LABEL name its columns, if they are not Text and Label.
"""
TWO = " The class that comes second by name stands where spam does here."
NEED = {  # most classes: in every notebook's words
    2: " ".join((FILE.format("two classes") + TWO).split()),
    None: " ".join(FILE.format("two or more classes").split()),
}
ON_DATA = [source for source in SOURCES if 'DATA = "auto"' in source.read_text("utf-8")]
QUICK = ("02", "03")  # these three train no GPT
TRIED = [
    source
    for source in ON_DATA
    if os.environ.get("SPAMFT_OWN_FILE") or source.name.startswith(QUICK)
]
TOPICS = {
    "billing": "invoice refund card payment".split(),  # noqa: SIM905
    "login": "password account locked reset".split(),  # noqa: SIM905
    "sales": "offer price order demo".split(),  # noqa: SIM905
}
MADE_UP = {  # what of a notebook is about ham and spam, whatever the data is about
    "00": "two messages to ask about, before any are opened",
    "01": "files of a few lines",
    "02": "a frame with a wrong label",
    "10": "the memory that two classes take",
    "11": "the open instructions, which are about ham and spam",
    "16": "the locked notices, which are genuine or not",
}
FILLING = "please can you help me with my our it".split()  # noqa: SIM905
each_on_data = pytest.mark.parametrize("source", ON_DATA, ids=lambda path: path.stem)


def words_of(notebook) -> str:
    """Its prose on one line."""
    cells = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    return " ".join(" ".join(cells).split())


def own_file(path: Path, classes: int) -> Path:
    """A CSV with other columns and other labels than the bundled messages have."""
    draw = random.Random(0)
    rows = ["team,body"]
    for name in list(TOPICS)[:classes]:
        for number in range(120 if name == "billing" else 100):
            words = draw.choices(TOPICS[name], k=4) + draw.choices(FILLING, k=6)
            draw.shuffle(words)
            rows.append(f"{name},{' '.join(words)} n{number}x")
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@each_on_data
def test_it_says_in_the_same_words_what_a_file_of_ones_own_needs_and_checks_it(source):
    notebook = read_source(source)
    knobs = (
        'DATA = "auto"\nTEXT, LABEL = None, None  # the columns of a file of your own'
    )
    assert knobs in tagged(notebook, "parameters")
    [most] = [most for most, words in NEED.items() if words in words_of(notebook)]
    [call] = re.findall(r"lesson_names\(([^()]*)\)", source.read_text("utf-8"))
    assert call.endswith(", most=None") == (most is None)


@each_on_data
def test_its_code_knows_the_classes_from_the_data(source):
    words = []
    for cell in code_of(read_source(source)):
        tree = ast.parse(cell.source)
        hints = {node.msg for node in ast.walk(tree) if isinstance(node, ast.Assert)}
        words += [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node not in hints
        ]
    named = [w for w in words if re.search(r"\b(ham|spam)\b", str(w))]
    assert bool(named) == (source.name.partition("_")[0] in MADE_UP), named


@pytest.mark.parametrize("source", TRIED, ids=lambda path: path.stem)
def test_it_runs_on_a_file_of_ones_own_and_its_exercises_can_be_solved(
    source, tmp_path
):
    notebook = read_source(source)
    data = own_file(tmp_path / "mine.csv", 3 if NEED[None] in words_of(notebook) else 2)
    own = {"DATA": str(data), "TEXT, LABEL": ("body", "team"), "MODEL": "tiny"}
    quick = dict.fromkeys(("EPOCHS", "EPOCHS_OPEN", "SEEDS"), 1)
    set_parameters(notebook, own | quick)
    solutions = jupytext.read(HERE / "src" / "solutions" / source.name)
    for number in (1, 2, 3):
        answer = tagged(solutions, f"exercise-{number}")
        check = tagged(notebook, f"check-{number}")
        notebook.cells.append(nbformat.v4.new_code_cell(accepted(answer, check)))
    run(notebook, copy_of_the_folder(tmp_path))
