"""notebooks/src/NN_name.py -> notebooks/NN_name.ipynb, executed, with its outputs.

    python notebooks/build.py            every notebook
    python notebooks/build.py 03 07      these
    python notebooks/build.py --sample   none of it on the SMS collection: to try a page

Each one runs in a Jupyter kernel of its own, with no network and with the bundled GPT,
in a folder that has nothing but `results`. Tags of its cell of parameters say on what:

    collection     the SMS collection, whose zip SPAMFT_UCI_ZIP names; it is put where a
                   download would be kept, so that DATA = "auto" finds it
    gpt2-tokens    GPT-2's tokens, whose files TIKTOKEN_CACHE_DIR names

Without these it runs on the bundled messages, with the bundled GPT's tokens.

The collection's messages are real people's, and none of them is committed. So a cell
that shows any is tagged `messages`: its outputs come from a second run, on the bundled
messages, and say so.
"""

import argparse
import html
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_output

from spamft.data import SMS_COLLECTION, download
from spamft.gpt import GPT, GPTConfig
from spamft.plumbing.errors import SpamftError
from spamft.pretrained import save_gpt2
from spamft.sources import open_messages

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "src").glob("[0-9]*.py"))
NOWHERE = "http://127.0.0.1:9"  # a port on which nobody answers
FEW = 5  # words in a row that nobody else would write
OF_THE_SAMPLE = "(Stored here: the bundled sample. Run the page to see your messages.)"


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


def tags_of(cell: NotebookNode) -> list[str]:
    """The tags of a cell."""
    return cell.metadata.get("tags", [])


def parameters_of(notebook: NotebookNode) -> NotebookNode:
    """The cell of parameters, whose tags say on what the notebook is built."""
    [cell] = [cell for cell in notebook.cells if "parameters" in tags_of(cell)]
    return cell


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


def executed(
    source: Path,
    archive: Path | None = None,
    *,
    gpt2_tokens: bool = False,
    to_messages: bool = False,
) -> NotebookNode:
    """The notebook of `source`, run on the collection in `archive` or on the sample.

    Its cells are as in `source`, with outputs; `to_messages` ends with the last one
    that shows messages. Raises CellExecutionError, and SpamftError if `archive` is not
    the collection or GPT-2's vocabulary is not named.
    """
    notebook, environment = read_source(source), {}
    if to_messages:
        shown = ["messages" in tags_of(cell) for cell in notebook.cells]
        notebook.cells = notebook.cells[: len(shown) - shown[::-1].index(True)]
    cell = parameters_of(notebook)
    written = cell.source
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "notebooks"
        shutil.copytree(HERE / "results", folder / "results")
        if archive:
            download(Path(name) / "data", archive=archive)
        if gpt2_tokens:
            environment["TIKTOKEN_CACHE_DIR"] = str(_named("TIKTOKEN_CACHE_DIR"))
            # of the model only the tokens are looked at, so a very small one will do
            shape = GPTConfig(emb_dim=8, n_layers=1, n_heads=1)
            save_gpt2(GPT(shape), folder / "gpt2-tokens")
            cell.source = written.replace('MODEL = "gpt"', 'MODEL = "gpt2-tokens"')
        run(notebook, folder, environment)
    cell.source = written
    return notebook


def build(source: Path, *, on_sample: bool = False) -> Path:
    """Run `source` and write what came of it; return the notebook's path.

    Raises CellExecutionError, and SpamftError if a file that it needs is not named.
    """
    tags = tags_of(parameters_of(read_source(source)))
    if on_sample or "collection" not in tags:
        notebook = executed(source)
    else:
        tokens = "gpt2-tokens" in tags
        notebook = executed(source, _named("SPAMFT_UCI_ZIP"), gpt2_tokens=tokens)
        if any("messages" in tags_of(cell) for cell in notebook.cells):
            sample = executed(source, gpt2_tokens=tokens, to_messages=True)
            _show_sample(notebook, sample)
        _refuse_messages(notebook, _named("SPAMFT_UCI_ZIP"))
    target = HERE / f"{source.stem}.ipynb"
    nbformat.write(notebook, target)
    return target


def _show_sample(notebook: NotebookNode, on_sample: NotebookNode) -> None:
    """Change the outputs of the cells tagged `messages` into those of the sample."""
    for cell, of_sample in zip(notebook.cells, on_sample.cells, strict=False):
        if "messages" in tags_of(cell):
            told = new_output("stream", name="stdout", text=OF_THE_SAMPLE)
            cell.outputs = [*of_sample.outputs, told]


def _refuse_messages(notebook: NotebookNode, archive: Path) -> None:
    """Raise SpamftError if an output holds words of a message of the collection."""
    theirs = phrases_only_in(archive)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if theirs & runs_in(texts_of(output)):
                begins = cell.source.partition("\n")[0]
                raise SpamftError(
                    f"the cell that begins {begins!r} shows messages of the SMS "
                    "collection, which are not committed: tag it `messages`"
                )


def phrases_only_in(archive: Path) -> set[tuple[str, ...]]:
    """What gives away a message of the collection, and is in none of the sample's."""
    theirs, ours = (open_messages(each).df["Text"] for each in (archive, "sample"))
    return phrases_of(theirs) - runs_in(ours)


def phrases_of(messages: Iterable[str], few: int = FEW) -> set[tuple[str, ...]]:
    """What gives a message away: few words in a row, or the whole of a shorter one."""
    found = set()
    for words in map(_words, messages):
        found |= _runs(words, min(few, len(words)))
    return {phrase for phrase in found if len(phrase) > 1}


def runs_in(texts: Iterable[str], few: int = FEW) -> set[tuple[str, ...]]:
    """Every run of two to few words, with HTML tags between them and without."""
    found = set()
    for text in texts:
        for way in (text, re.sub("<[^<>]*>", " ", text)):
            for length in range(2, few + 1):
                found |= _runs(_words(way), length)
    return found


def texts_of(output) -> list[str]:
    """All that can be read in an output: its forms but pictures, and what is beside."""
    forms = sorted(output.get("data", {}).items())
    beside = sorted(output.get("metadata", {}).items())
    texts = [str(form) for kind, form in forms if kind != "image/png"]
    return [output.get("text", ""), *texts, *(str(each) for _, each in beside)]


def _words(text: str) -> list[str]:
    """Its words in lower case, however HTML or Python spells them."""
    plain = re.sub(r"\\[nt]", " ", html.unescape(text)).replace("\\'", "'")
    return re.findall(r"\w+(?:'\w+)*", plain.replace("’", "'").casefold())


def _runs(words: list[str], length: int) -> set[tuple[str, ...]]:
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}


def _named(variable: str) -> Path:
    """The path in an environment variable. Raises SpamftError if there is none."""
    if os.environ.get(variable) and Path(os.environ[variable]).exists():
        return Path(os.environ[variable]).resolve()
    raise SpamftError(f"{variable} names no file: {NEEDED[variable]}")


NEEDED = {
    "SPAMFT_UCI_ZIP": "the committed outputs are made on the SMS collection. Download "
    f"{SMS_COLLECTION.urls[0]} and set it to the zip's path, or give --sample to try "
    "the page on the bundled messages (not to be committed)",
    "TIKTOKEN_CACHE_DIR": "this page is made with GPT-2's tokens. Set it to a folder "
    "and run spamft.tokenizer.load_tokenizer() once, with a network",
}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("numbers", nargs="*", help="which, as 03 or 07b; all without")
    parser.add_argument("--sample", action="store_true", help="all on the sample")
    chosen = parser.parse_args()
    for source in SOURCES:
        if not chosen.numbers or source.stem.partition("_")[0] in chosen.numbers:
            began = time.perf_counter()
            try:
                target = build(source, on_sample=chosen.sample)
            except SpamftError as error:
                sys.exit(f"{source.name}: {error}")
            seconds, size = time.perf_counter() - began, target.stat().st_size
            print(f"{target.name}: {seconds:.0f} s, {size / 1e3:.0f} KB", flush=True)
