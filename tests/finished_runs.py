"""Runs to export: made in a moment, of weights that make their verdicts differ."""

from pathlib import Path

import tiktoken
import torch

from spamft.experiments.finetune import finetune
from spamft.export.finished import Finished, open_finished
from spamft.models.backbone import Backbone
from spamft.models.vocabulary import Vocabulary
from spamft.sources.models import Pretrained

# 200 bytes have tokens; for the others the end stands, as in SmolLM2's
FEW_BYTES = Vocabulary(
    {bytes([b]): b for b in range(200)}, {"<|endoftext|>": 200}, "smollm"
)


def rows(classes=("ham", "spam"), count: int = 12) -> str:
    """A file of messages."""
    lines = [f"{k},{k} message {chr(97 + n)}" for n in range(count) for k in classes]
    return "\n".join(["Label,Text", *lines, f"{classes[0]},{'long ' * 20}"])


def finished(
    folder: Path,
    gpt: Backbone,
    tokenizer: tiktoken.Encoding,
    classes: tuple[str, ...] = ("ham", "spam"),
    method: str = "last_block",
    **settings,
) -> Finished:
    """The folder of a run on `gpt`, opened."""
    for parameter in gpt.parameters():  # large ones, so that errors show
        torch.nn.init.normal_(parameter, std=0.3)
    data = folder / "rows.csv"
    data.write_text(rows(classes))
    base = Pretrained(gpt, tokenizer, "made", "made weights")
    config = {"epochs": 1, "lr": 0.01}
    run = finetune(data, base, method, config=config, **settings)
    return open_finished(run.save(folder / "run"))
