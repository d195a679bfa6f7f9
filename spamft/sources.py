"""Names -> the real things: where messages and models come from.

"auto" asks for the real thing first, the SMS Spam Collection or GPT-2, and with no
network takes what the package brings, and says so. Every other name is insisted on.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import tiktoken
from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache

from spamft.data import (
    Splits,
    balance,
    count_leaks,
    download,
    duplicate_groups,
    encode_labels,
    label_names,
    random_split,
    read_messages,
)
from spamft.fetch import DownloadError, reachable
from spamft.formats import has_header
from spamft.gpt import GPT, GPTConfig
from spamft.pretrained import PUBLISHED, load_gpt2
from spamft.tokenizer import VOCABULARY, load_tokenizer

__all__ = [
    "SAMPLE",
    "Data",
    "Messages",
    "Model",
    "open_messages",
    "open_model",
    "open_splits",
]

SAMPLE = Path(__file__).parent / "assets" / "sample" / "messages.tsv"
SCRATCH = GPTConfig(
    vocab_size=4096, context_length=256, emb_dim=128, n_layers=3, n_heads=4
)
PATIENCE = 2.0  # seconds for an address to answer, when there is a choice


class Messages(NamedTuple):
    """Messages with the columns Label and Text, and a line on their origin."""

    df: pd.DataFrame
    source: str


class Data(NamedTuple):
    """Messages made ready to train on, and how they were before."""

    df: pd.DataFrame  # as opened, with labels as words
    source: str
    names: tuple[str, ...]  # of the labels, by class id
    splits: Splits  # with class ids

    @property
    def leaks(self) -> dict[str, dict[str, int]]:
        """As `count_leaks` counts them."""
        return count_leaks(self.splits)

    def __str__(self) -> str:
        counts = self.df["Label"].value_counts()
        classes = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        sizes = " / ".join(f"{len(part):,}" for part in self.splits)
        return (
            f"{self.source}: {len(self.df):,} messages ({classes}); "
            f"train / validation / test {sizes}"
        )


class Model(NamedTuple):
    """A GPT and the tokenizer it reads with."""

    gpt: GPT
    tokenizer: tiktoken.Encoding
    name: str  # what was opened: never "auto"
    source: str  # a line on its origin


def open_messages(
    data: str | Path = "auto",
    *,
    lecture: bool = False,
    text: str | None = None,
    label: str | None = None,
    folder: Path | str = "data",
    progress: bool = False,
) -> Messages:
    """Messages by name or file.

    "uci" is the SMS Spam Collection, downloaded into `folder`; "sample" the messages
    of this package; "auto" the first of the two that can be had; anything else a
    file: the collection's zip, or what `read_messages` opens. `lecture`, `text` and
    `label` as there. Raises DownloadError or ValueError.
    """
    data = str(data)
    named = data in ("auto", "uci", "sample") or data.endswith(".zip")
    if named and (text or label):
        raise ValueError(
            f"text and label name columns of a CSV or TSV, not of {data!r}"
        )
    if data in ("uci", "auto"):
        quick = {"timeout": PATIENCE, "retries": 0, "deadline": PATIENCE}
        quick = quick if data == "auto" else {}
        try:
            path = download(folder, progress=progress, **quick)
            return Messages(
                read_messages(path, lecture), f"the SMS Spam Collection, {path}"
            )
        except (DownloadError, OSError):  # or the folder cannot be written
            if data == "uci":
                raise
        why = "the SMS Spam Collection cannot be reached"
        return Messages(read_messages(SAMPLE), f"the bundled sample ({why})")
    if data == "sample":
        return Messages(read_messages(SAMPLE), "the bundled sample")
    path = Path(data)
    if not path.is_file():
        raise ValueError(
            f"no file {data!r}: expected auto, uci, sample or a file of messages"
        )
    if path.suffix == ".zip":
        with tempfile.TemporaryDirectory() as unzipped:
            df = read_messages(download(unzipped, archive=path), lecture)
        return Messages(df, f"the SMS Spam Collection, {path.name}")
    if text or label or has_header(path):
        lecture = False  # of a table there is one reading
    return Messages(read_messages(path, lecture, text=text, label=label), path.name)


def open_splits(
    data: str | Path = "auto",
    *,
    split: str = "leak-free",
    balanced: bool = True,
    text: str | None = None,
    label: str | None = None,
    folder: Path | str = "data",
    seed: int = 123,
    progress: bool = False,
) -> Data:
    """Open messages, balance them, number their labels and cut them 70 / 10 / 20.

    `split="lecture"` gives the lecture's three parts to the row; "leak-free" keeps
    equal messages in one part. `balanced=False` keeps all rows. The rest is as in
    `open_messages`.
    """
    if split not in ("leak-free", "lecture"):
        raise ValueError(f"split {split!r} must be 'leak-free' or 'lecture'")
    lecture = split == "lecture"
    df, source = open_messages(
        data,
        lecture=lecture,
        text=text,
        label=label,
        folder=folder,
        progress=progress,
    )
    names = label_names(df)
    used = encode_labels(balance(df, seed=seed) if balanced else df, names)
    groups = None if lecture else duplicate_groups(used)
    return Data(df, source, names, random_split(used, groups=groups, seed=seed))


def open_model(name: str | Path = "auto", *, seed: int = 123) -> Model:
    """A GPT and its tokenizer by name or folder.

    "gpt2" and its larger sisters come from the hub; "tiny" is the small pretrained
    GPT of this package; "auto" is gpt2 where it is cached or can be reached, else
    tiny; "scratch" a small GPT with random weights from `seed`. A folder holds a
    GPT-2 in Hugging Face's layout, with a `vocabulary.tiktoken` if its tokens are not
    GPT-2's. Raises DownloadError or ValueError.
    """
    name = str(name)
    if name == "auto":
        if _can_have_gpt2():
            try:
                return open_model("gpt2")
            except DownloadError:
                pass  # it answered and then failed: no network worth the name
        return open_model("tiny")._replace(
            source="the bundled tiny GPT (GPT-2 cannot be reached)"
        )
    if name == "scratch":
        gpt = GPT(SCRATCH, seed=seed)
        return Model(gpt, load_tokenizer("tiny"), name, "a small GPT of random weights")
    gpt = load_gpt2(name)
    published = name in PUBLISHED
    own = name == "tiny" or (not published and (Path(name) / VOCABULARY).exists())
    tokenizer = load_tokenizer(name if own else "gpt2")
    if tokenizer.n_vocab > gpt.config.vocab_size:
        raise ValueError(
            f"{name} knows {gpt.config.vocab_size:,} tokens, but its tokenizer "
            f"{tokenizer.name} has {tokenizer.n_vocab:,}"
        )
    source = "the bundled tiny GPT" if name == "tiny" else name
    return Model(gpt, tokenizer, name, source)


def _can_have_gpt2() -> bool:
    """Whether gpt2 lies in the hub's cache, or the hub answers at once."""
    where = {
        "repo_id": "openai-community/gpt2",
        "revision": PUBLISHED["gpt2"].revision,
    }
    if isinstance(try_to_load_from_cache(filename="model.safetensors", **where), str):
        return True
    if constants.HF_HUB_OFFLINE:
        return False
    return reachable(hf_hub_url(filename="config.json", **where), PATIENCE)
