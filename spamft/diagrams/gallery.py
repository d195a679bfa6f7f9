"""Every diagram as a file, and a page that shows them in the course's order."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from spamft import diagrams
from spamft.diagrams.drawing import Diagram
from spamft.plumbing.files import whole_file

__all__ = ["PLACES", "Place", "save_all"]


class Place(NamedTuple):
    """Where in the course a diagram belongs."""

    draw: Callable[[], Diagram]
    notebook: str  # its file's name, without the ending


PLACES = (
    Place(diagrams.message_life, "00_what_is_finetuning"),
    Place(diagrams.finetuning_kinds, "00_what_is_finetuning"),
    Place(diagrams.lost_rows, "01_download_and_look"),
    Place(diagrams.split, "02_balance_encode_split_save"),
    Place(diagrams.padding, "03_batches"),
    Place(diagrams.block, "04_gpt"),
    Place(diagrams.attention, "04_gpt"),
    Place(diagrams.next_token, "04b_pretrained_weights"),
    Place(diagrams.head_swap, "05_classification_head"),
    Place(diagrams.precision_recall, "06_loss_and_accuracy"),
    Place(diagrams.training_step, "07_finetune"),
    Place(diagrams.trunk, "07_finetune"),
    Place(diagrams.early_stopping, "07b_rate_and_overfitting"),
    Place(diagrams.saved_folder, "08_use_it"),
    Place(diagrams.lora, "09_lora"),
    Place(diagrams.nf4, "10_qlora"),
    Place(diagrams.instruction_row, "11_instructions"),
    Place(diagrams.gpt2_and_llama, "17_modern_llm"),
)
OPENING = """\
# The course in pictures

`make diagrams` draws this page and its files from `spamft/diagrams/`. In a notebook,
after `from spamft import diagrams`, a call such as `diagrams.block()` as the last line
of a cell shows one, and `.save("block.svg")` writes it, for a slide. Many take numbers
of your own: `help(diagrams.nf4)`. Blue runs, orange is what the picture is about, grey
does not count.
"""


def save_all(folder: Path | str) -> None:
    """Write `diagrams.md` into `folder`, and the drawings beside it, in `diagrams/`."""
    folder, parts = Path(folder), [OPENING]
    for draw, notebook in PLACES:
        drawing = draw()
        file = f"diagrams/{drawing.name}.svg"
        drawing.save(folder / file)
        parts.append(
            f"## {drawing.title}\n\n![{drawing.title}]({file})\n\n{drawing.words}\n\n"
            f"`diagrams.{drawing.name}()`, for notebook "
            f"[{notebook.partition('_')[0]}](../notebooks/{notebook}.ipynb)\n"
        )
    with whole_file(folder / "diagrams.md") as part:
        part.write_text("\n".join(parts), encoding="utf-8")
