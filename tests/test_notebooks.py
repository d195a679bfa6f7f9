"""Every notebook runs in a real Jupyter kernel, with no network, and reads well."""

import os
import re
from pathlib import Path
from statistics import median

import jupytext
import nbformat
import pandas as pd
import pytest
from notebook_cells import (
    accepted,
    by_check,
    code_of,
    copy_of_the_folder,
    lesson_of,
    set_parameters,
    tagged,
)

from notebooks.build import HERE, SOURCES, read_source, run
from spamft.gpt import GPT, GPTConfig
from spamft.pretrained import save_gpt2
from spamft.sources import open_messages

ROOT = Path(__file__).parents[1]
BUILT = [HERE / f"{source.stem}.ipynb" for source in SOURCES]
SHARED = ROOT.parent / "shared" / "data"
UCI_ZIP = Path(
    os.environ.get("SPAMFT_UCI_ZIP", SHARED / "uci_sms" / "sms+spam+collection.zip")
)
VOCABULARY = Path(os.environ.get("TIKTOKEN_CACHE_DIR", SHARED / "tiktoken_cache"))
each_built = pytest.mark.parametrize("path", BUILT, ids=lambda path: path.stem)


def read(path: Path):
    return nbformat.read(path, as_version=4)


def outputs_of(notebook) -> str:
    """All text that the cells put out."""
    parts = []
    for cell in code_of(notebook):
        for output in cell.outputs:
            parts.append(output.get("text", ""))
            data = output.get("data", {})
            parts += [text for kind, text in data.items() if kind.startswith("text/")]
    return "\n".join(parts)


def refuse_then_accept(solutions, number: int, check: str) -> str:
    """Code that fails unless `check` refuses the wrong answer, with a hint or the name
    of its misconception, and takes the right one."""
    wrong, right = (tagged(solutions, f"{kind}-{number}") for kind in KINDS)
    if by_check(check):
        refused = f"told = {check}\nassert told.outcome == 'misconception', told"
        return f"{wrong}\n{refused}\n{accepted(right, check)}"
    return (
        f"{wrong}\n"
        "try:\n"
        f"    exec({check!r})\n"
        "except AssertionError as hint:\n"
        "    assert str(hint).startswith('Hint: ')\n"
        "else:\n"
        f"    raise RuntimeError('check {number} takes a wrong answer')\n"
        f"{right}\n"
        f"{check}"
    )


KINDS = ("wrong", "exercise")


@pytest.fixture(scope="module")
def few_messages(tmp_path_factory) -> Path:
    """A fifth of the sample, in a file: the built copies were run on all of it."""
    df = open_messages("sample").df
    sizes = {"ham": 250, "spam": 150}
    few = [
        each.sample(sizes[name], random_state=1) for name, each in df.groupby("Label")
    ]
    path = tmp_path_factory.mktemp("data") / "few.csv"
    pd.concat(few).to_csv(path, index=False)
    return path


@each_built
def test_it_runs_twice_over_and_its_exercises_can_be_solved(
    path, few_messages, tmp_path
):
    notebook = read(path)
    quick = dict.fromkeys(("EPOCHS", "EPOCHS_OPEN", "SEEDS"), 1)
    set_parameters(notebook, quick | {"DATA": str(few_messages)})
    solutions = jupytext.read(HERE / "src" / "solutions" / f"{path.stem}.py")
    again = [
        nbformat.from_dict(cell)
        for cell in code_of(notebook)
        if "slow" not in cell.metadata.get("tags", [])  # trained once is enough
    ]
    for number in (1, 2, 3):
        check = tagged(notebook, f"check-{number}")
        source = refuse_then_accept(solutions, number, check)
        again.append(nbformat.v4.new_code_cell(source))
    notebook.cells += again
    run(notebook, copy_of_the_folder(tmp_path))


@pytest.mark.skipif(
    not (UCI_ZIP.exists() and VOCABULARY.exists()),
    reason="needs SPAMFT_UCI_ZIP and TIKTOKEN_CACHE_DIR",
)
def test_with_the_lectures_data_the_lectures_numbers_stand_in_the_notebooks(tmp_path):
    shape = GPTConfig(emb_dim=8, n_layers=1, n_heads=1)  # it is the tokens that matter
    save_gpt2(GPT(shape), tmp_path / "gpt2")
    expected = {
        "01": ("4825", "747", "86.6%"),
        "02": ("747", "1045 + 149 + 300 = 1494", "'exact': 37, 'folded': 49"),
        "03": ("longest training message: 120 tokens", "[130, 19, 38]", "50256"),
    }
    for source in SOURCES:
        if source.stem.partition("_")[0] not in expected:
            continue
        notebook = read_source(source)
        lectures = {"DATA": str(UCI_ZIP.resolve()), "MODEL": str(tmp_path / "gpt2")}
        set_parameters(notebook, lectures)
        agree = "assert (both['SMS collection'] == both['your data']).all(), both"
        notebook.cells.append(nbformat.v4.new_code_cell(agree))
        run(notebook, tmp_path, {"TIKTOKEN_CACHE_DIR": str(VOCABULARY.resolve())})
        for number in expected[source.stem[:2]]:
            assert number in outputs_of(notebook), f"{number} in {source.name}"


@each_built
def test_source_and_built_copy_have_the_same_cells(path):
    source, built = read_source(HERE / "src" / f"{path.stem}.py"), read(path)
    assert [(c.cell_type, c.source) for c in source.cells] == [
        (c.cell_type, c.source) for c in built.cells
    ], "make notebooks"
    numbers = [cell.execution_count for cell in code_of(built)]
    assert numbers == list(range(1, len(numbers) + 1)), "executed top to bottom"


@each_built
def test_it_keeps_to_its_budget(path):
    notebook = read(path)
    kinds = [cell.cell_type for cell in notebook.cells]
    lengths = [len(cell.source.splitlines()) for cell in code_of(notebook)]
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    words = len(" ".join(prose).split())
    assert kinds[0] == "markdown", "it opens with words"
    assert "code code code" not in " ".join(kinds), "at most two code cells in a row"
    assert max(lengths) <= 25 and median(lengths) <= 6, lengths
    assert 20 <= len(lengths) <= 40, len(lengths)
    assert 800 <= words <= 1500, words
    assert path.stat().st_size < 120_000
    pictures = [o for c in code_of(notebook) for o in c.outputs if is_picture(o)]
    assert len(pictures) <= 3


@each_built
def test_it_has_the_frame_of_a_lesson(path):
    notebook = read(path)
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    number = lesson_of(path)
    assert text.startswith(f"# {number} · ")
    for part in ("**You will**", "**You need**", "**It takes**", "## Exercises"):
        assert part in text
    happened = text.split("## What just happened")[1].split("## ")[0]
    assert happened.count("\n- ") == 3
    assert 4 <= text.count("\n## ") - 2 <= 9  # sections beside these two
    guesses = text.count("*Guess:*")
    assert text.count("*Predict:*") + guesses == 3 and "**Next:**" in text
    if guesses:
        for place in ("1", "2", "3", "q1", "q2", "q3"):
            waiting = f'guess("{number}.{place}", ..., sure=...)'
            assert tagged(notebook, f"guess-{place}") == waiting
        for place in ("q1", "q2", "q3"):
            assert f'ask("{number}.{place}")' in [c.source for c in code_of(notebook)]
        for place in ("1", "2", "3"):
            assert tagged(notebook, f"check-{place}").startswith(
                f'check("{number}.{place}", '
            )
    assert f"src/solutions/{path.stem}.py" in text
    tagged(notebook, "parameters")
    for link in re.findall(r"\]\(([^)#]+\.ipynb)\)", text):
        assert (HERE / link).exists(), link


@each_built
def test_nothing_in_its_outputs_is_an_error_a_warning_or_a_place_on_this_machine(path):
    notebook = read(path)
    for cell in code_of(notebook):
        assert not [o for o in cell.outputs if o.output_type == "error"]
        assert not [o for o in cell.outputs if o.get("name") == "stderr"]
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users|private)/", text)


@each_built
def test_every_picture_has_words_in_its_place_and_names_its_axes(path):
    for cell in code_of(read(path)):
        for output in filter(is_picture, cell.outputs):
            alternative = output.metadata["image/png"]["alt"]
            assert alternative.endswith(".") and len(alternative) > 30
            assert output.data["text/plain"] == alternative
        if "= paper(" in cell.source and 'axis("off")' not in cell.source:
            assert "set_xlabel" in cell.source and "set_ylabel" in cell.source


@pytest.mark.skipif(not UCI_ZIP.exists(), reason="needs SPAMFT_UCI_ZIP")
def test_no_output_holds_a_message_of_the_collection(tmp_path):
    messages = {text.strip()[:45] for text in open_messages(UCI_ZIP).df["Text"]}
    outputs = "\n".join(outputs_of(read(path)) for path in BUILT)
    assert not [text for text in messages if len(text) >= 30 and text in outputs]


def is_picture(output) -> bool:
    return "image/png" in output.get("data", {})
