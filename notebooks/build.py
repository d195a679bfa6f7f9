"""notebooks/src/NN_name.py -> notebooks/NN_name.ipynb, executed, with its outputs.

    python notebooks/build.py            every notebook
    python notebooks/build.py 03 07      these

Each one runs in a Jupyter kernel of its own, with no network, in a folder that has
nothing but `results`, so the built copy shows what the bundled messages and the
bundled GPT give.
"""

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "src").glob("[0-9]*.py"))
NOWHERE = "http://127.0.0.1:9"  # a port on which nobody answers


def read_source(source: Path) -> NotebookNode:
    """The notebook that `source` describes, without outputs."""
    notebook = jupytext.read(source)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"  # stays the same from one build to the next
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    return notebook


def run(
    notebook: NotebookNode, folder: Path, environment: dict[str, str] | None = None
) -> None:
    """Execute every cell in a kernel that works in `folder`; its outputs are kept.

    The kernel has no network and empty caches, unless `environment` says otherwise.
    Raises CellExecutionError.
    """
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
    caches = ("HF_HOME", "SPAMFT_CACHE", "TIKTOKEN_CACHE_DIR")
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    client.execute(
        env=os.environ
        | dict.fromkeys(proxies, NOWHERE)
        | dict.fromkeys(caches, str(folder / "no-cache"))
        | {"PIP_NO_INDEX": "1"}
        | (environment or {})
    )


def build(source: Path) -> Path:
    """Run `source` and write what came of it; return the notebook's path."""
    notebook = read_source(source)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(HERE / "results", folder / "results")
        run(notebook, folder)
    target = HERE / f"{source.stem}.ipynb"
    nbformat.write(notebook, target)
    return target


if __name__ == "__main__":
    for source in SOURCES:
        if not sys.argv[1:] or source.stem.startswith(tuple(sys.argv[1:])):
            began = time.perf_counter()
            target = build(source)
            seconds, size = time.perf_counter() - began, target.stat().st_size
            print(f"{target.name}: {seconds:.0f} s, {size / 1e3:.0f} KB", flush=True)
