"""A name or a folder -> a pretrained GPT and the tokenizer that it reads with."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import tiktoken

from spamft.gpt import GPT, GPTConfig
from spamft.models.architectures import load_backbone
from spamft.models.backbone import Backbone
from spamft.models.chat import chat_template
from spamft.models.gguf import open_gguf
from spamft.models.prompts import describe_chat
from spamft.models.smollm2 import SMOLLM2, open_smollm2
from spamft.models.vocabulary import Vocabulary
from spamft.plumbing.display import naming
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import WITH_A_CHOICE, Download, DownloadError, Patience
from spamft.pretrained import PUBLISHED, gpt2_download, load_gpt2
from spamft.sources.auto import MODEL, blaming, meant
from spamft.tokenizer import VOCABULARY, load_tokenizer

__all__ = ["Pretrained", "open_model"]

SCRATCH = GPTConfig(
    vocab_size=4096, context_length=256, emb_dim=128, n_layers=3, n_heads=4
)
PATIENCE = 2.0  # seconds for the hub to answer, when there is a choice
HURRY = 4.0  # seconds for the package index to show its pace
INSIST = '"gpt2" by name downloads it however long it takes'


class Pretrained(NamedTuple):
    """A language model and the tokenizer that it reads with."""

    gpt: Backbone
    tokenizer: tiktoken.Encoding
    name: str  # what was opened: never "auto"
    source: str  # a line on its origin
    path: Path | None = None  # absolute, of a folder or a file: what has no name

    @property
    def parameters(self) -> int:
        """How many numbers the model has."""
        return sum(p.numel() for p in self.gpt.parameters())


def open_model(name: str | Path = "auto", *, seed: int = 123) -> Pretrained:
    """A GPT and its tokenizer, by name or from a folder.

    "gpt2", "gpt2-medium", "gpt2-large" and "gpt2-xl" come from the hub, however long
    that takes; "tiny" is the small pretrained GPT of this package; "gpt" is gpt2 where
    it is cached or comes in about five minutes, else tiny; "auto" the same, but before
    tiny comes smollm2 where it is cached or comes quickly; SPAMFT_MODEL in the
    environment, where it is set, says what "auto" and "gpt" mean; "scratch" is a small
    GPT with random weights from `seed`;
    "smollm2" and "smollm2-360m" are pretrained Llamas from the hub, the first else from
    the package index. A folder holds a model in Hugging Face's layout, with a
    `vocabulary.tiktoken` or `tokenizer.json` if its tokens are not GPT-2's. A `.gguf`
    file holds a Llama and its tokenizer. The `source` says if there is a chat template,
    and whether it is known. Raises DownloadError or SpamftError.
    """
    chosen = meant(MODEL) if str(name) in ("auto", "gpt") else None
    if chosen and chosen != "gpt":
        return _open_chosen(chosen, str(name), seed)
    opened = _open("gpt" if chosen else str(name), seed)
    return opened._replace(source=opened.source + describe_chat(opened.tokenizer))


def _open_chosen(chosen: str, name: str, seed: int) -> Pretrained:
    """What the environment says that `name` means. What asks for "gpt" teaches parts
    that other architectures have not."""
    with blaming(MODEL):
        opened = open_model(chosen, seed=seed)
        if name == "gpt" and not isinstance(opened.gpt, GPT):
            raise SpamftError(
                "it is no GPT-2, which is asked for here: set it to tiny, gpt2 or the "
                "folder of one"
            )
    return opened._replace(source=f"{opened.source} (chosen by {MODEL})")


def _open(name: str, seed: int) -> Pretrained:
    if name == "auto":
        return _open_best()
    if name == "gpt":
        return _open_gpt()
    if name == "scratch":
        gpt, tokenizer = GPT(SCRATCH, seed=seed), load_tokenizer("tiny")
        return Pretrained(gpt, tokenizer, name, "a small GPT with random weights")
    if name in SMOLLM2:
        gpt, tokenizer, source = open_smollm2(name)
        return Pretrained(gpt, tokenizer, name, source)
    if name.endswith(".gguf") and Path(name).is_file():
        path = Path(name).absolute()  # the working folder may become another one
        return Pretrained(*open_gguf(Path(name)), Path(name).stem, name, path)
    is_folder = Path(name).is_dir() and name not in PUBLISHED
    if not is_folder and name != "tiny" and name not in PUBLISHED:
        names = ", ".join(["auto", "gpt", *PUBLISHED, *SMOLLM2, "tiny", "scratch"])
        raise SpamftError(f"no model {name!r}: expected {names} or a model's folder")
    gpt = load_backbone(name) if is_folder else load_gpt2(name)
    tokenizer = _tokenizer_of(name, is_folder)
    if tokenizer.n_vocab > gpt.config.vocab_size:
        raise SpamftError(
            f"{name} knows {gpt.config.vocab_size:,} tokens, but its tokenizer "
            f"{tokenizer.name} has {tokenizer.n_vocab:,}"
        )
    source = "the bundled tiny GPT" if name == "tiny" else name
    path = Path(name).absolute() if is_folder else None
    return Pretrained(gpt, tokenizer, name, source, path)


def _open_best() -> Pretrained:
    """The best model that can be had at once; its source says why it is no better."""
    best = _open_gpt()
    if best.name == "gpt2":
        return best
    if find_spec("gguf") is None:
        why = 'SmolLM2 needs: pip install "spamft[gguf]"'
    else:
        try:
            gpt, tokenizer, source = open_smollm2("smollm2", hurry=HURRY)
            return Pretrained(gpt, tokenizer, "smollm2", source)
        except DownloadError:
            why = "SmolLM2 comes too slowly or not at all"
    return best._replace(source=f"{best.source[:-1]}; {why})")


def _open_gpt() -> Pretrained:
    """GPT-2, or where it comes too slowly or not at all, the small one of here."""
    expected = gpt2_download(PATIENCE, WITH_A_CHOICE)
    why = _why_not(expected)
    if not why:
        try:
            gpt = load_gpt2("gpt2", Patience(deadline=WITH_A_CHOICE))
            return Pretrained(gpt, load_tokenizer("gpt2"), "gpt2", "gpt2")
        except DownloadError:  # it answered, but then
            why = f"GPT-2's download failed or was too slow; {INSIST}"
    return _open("tiny", 0)._replace(source=f"the bundled tiny GPT ({why})")


def _why_not(expected: Download | None) -> str:
    """Why a download is not even begun; nothing if it is."""
    if expected is None:
        return "GPT-2 cannot be reached"
    if expected.seconds <= WITH_A_CHOICE:
        return ""
    minutes = expected.seconds / 60
    how_long = f"about {minutes:.0f} minutes" if minutes < 90 else "hours"
    return f"GPT-2, {expected.size / 1e6:.0f} MB, would take {how_long} here; {INSIST}"


def _tokenizer_of(name: str, is_folder: bool) -> tiktoken.Encoding:
    """A folder's own, if it has one; else GPT-2's."""
    if name == "tiny" or (is_folder and (Path(name) / VOCABULARY).exists()):
        return load_tokenizer(name)
    path = Path(name) / "tokenizer.json"
    if is_folder and path.exists():
        vocabulary = Vocabulary.from_tokenizer_json(path)
        chat = chat_template(path.parent)
        with naming(path.parent):
            return replace(vocabulary, chat=chat).encoding(str(path))
    return load_tokenizer("gpt2")
