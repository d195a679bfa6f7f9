"""A folder of finished results, each a sealed file: what is there is not redone.

claim(folder, about)               the folder belongs to these messages and weights
kept_cell(path, name, ...)         the stored result of these settings, or a new one
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from spamft.plumbing.checkpoint import digest
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import clear_up
from spamft.plumbing.jsonfile import read_sealed, write_sealed
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData

__all__ = ["about", "claim", "kept_cell", "slug"]


def about(data: PreparedData, model: Pretrained) -> dict:
    """What a folder of results is about, messages and weights by SHA-256."""
    return {
        "data": data.source,
        "messages": digest([part.to_csv(index=False) for part in data.splits]),
        "classes": list(data.names),
        "model": model.name,
        "gpt": asdict(model.gpt.config),
        "weights": digest(model.gpt.state_dict()),
    }


def claim(folder: Path, about: dict, what: str) -> None:
    """Note what the folder is about, or check that it is what it was made for."""
    path = folder / "about.json"
    clear_up(path)
    if not path.exists():
        write_sealed(path, about)
        return
    there = read_sealed(path)
    for key, value in about.items():
        if there.get(key) != value:
            raise SpamftError(
                f"{folder} holds {what} of other {key}: choose another folder"
            )


def kept_cell(
    path: Path,
    name: str,
    description: dict,
    make: Callable[[], dict],
    log: Callable[[str], None],
) -> dict:
    """The stored cell of this description, or what `make` gives, which is stored.

    `log` gets a line on each new one, and is told of one stored for other settings.
    """
    description = json.loads(json.dumps(description))  # as it will be read
    if path.exists():
        cell = read_sealed(path)
        if cell.get("description") == description:
            clear_up(path)  # it may have been killed just after it was stored
            return cell
        log(f"{name}: stored for other settings, so run again")
    began = time.perf_counter()
    cell = {"description": description} | make()
    write_sealed(path, cell)
    took = time.perf_counter() - began
    log(f"{name}: accuracy {cell['accuracy']:.2%} ({took:,.0f} s)")
    return cell


def slug(name: str) -> str:
    """A name as part of a file's name."""
    return "".join(c if c.isalnum() else "-" for c in name.lower())
