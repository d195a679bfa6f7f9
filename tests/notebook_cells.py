"""Cells of a notebook, for the tests of notebooks."""

import re
import shutil
from pathlib import Path

from notebooks.build import HERE


def lesson_of(path: Path) -> str:
    """A notebook's number, as its title and its questions spell it: 0, 7, 7b."""
    return path.stem.partition("_")[0].removeprefix("0")


def code_of(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tagged(notebook, tag: str) -> str:
    [source] = [
        cell.source for cell in notebook.cells if tag in cell.metadata.get("tags", [])
    ]
    return source


def by_check(check: str) -> bool:
    """Whether an exercise is checked by spamft.check, and not by its own asserts."""
    return check.startswith("check(")


def accepted(answer: str, check: str) -> str:
    """Code that fails unless `check` takes the answer."""
    if by_check(check):
        check = f"told = {check}\nassert told.outcome == 'right', told"
    return f"{answer}\n{check}"


def copy_of_the_folder(place: Path) -> Path:
    """Where a learner would have put the notebooks, without what they make."""
    folder = place / "notebooks"
    shutil.copytree(HERE / "results", folder / "results")
    return folder


def set_parameters(notebook, values: dict[str, object]) -> None:
    """Change lines of the cell of parameters, as a learner would."""
    [cell] = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    for names, value in values.items():
        found = re.search(rf"(?m)^{names} = .*", cell.source)
        if found:
            cell.source = cell.source.replace(found[0], f"{names} = {value!r}")
