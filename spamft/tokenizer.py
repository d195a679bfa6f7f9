"""A name -> a tiktoken.Encoding, with or without a network.

The small GPT of this package brings its own vocabulary.
GPT-2's vocabulary is looked for in tiktoken's cache, in Hugging Face's cache,
at OpenAI's address and at Hugging Face's, whose two files are byte-identical.

Encode with `encode_ordinary`: a message that contains `<|endoftext|>` is text.
"""

import base64
import hashlib
import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import tiktoken

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import DownloadError, Patience, fetch
from spamft.plumbing.files import sha256, whole_file

__all__ = [
    "END_OF_TEXT",
    "GPT2_FILES",
    "PATTERN",
    "TINY",
    "VOCABULARY",
    "VocabularyFile",
    "cached_file",
    "check_bpe",
    "load_tokenizer",
    "open_bpe",
    "save_bpe",
]

END_OF_TEXT = "<|endoftext|>"

# GPT-2's rule for cutting text into pieces that merges never cross
PATTERN = (
    r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++"""
    r"""|\s++$|\s+(?!\S)|\s"""
)

VOCABULARY = "vocabulary.tiktoken"  # in a model's folder, if it is not GPT-2's
TINY = Path(__file__).parent / "assets" / "tiny"  # this package's own small GPT

HUB_REPOSITORY = "openai-community/gpt2"


class VocabularyFile(NamedTuple):
    """One of the two files of GPT-2's vocabulary, at two addresses."""

    url: str
    hub_name: str
    size: int
    sha256: str


GPT2_FILES = (
    VocabularyFile(
        "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/vocab.bpe",
        "merges.txt",
        456_318,
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    ),
    VocabularyFile(
        "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/encoder.json",
        "vocab.json",
        1_042_301,
        "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
    ),
)


def load_tokenizer(name_or_folder: str | Path = "gpt2") -> tiktoken.Encoding:
    """A tokenizer: "gpt2" (50,257 tokens), "tiny", or of a folder with a VOCABULARY.

    Raises DownloadError within 10 seconds where gpt2 is neither cached nor reachable,
    SpamftError for an unknown name.
    """
    if name_or_folder == "tiny":
        return open_bpe(TINY / VOCABULARY, "tiny")
    if name_or_folder != "gpt2":
        path = Path(name_or_folder) / VOCABULARY
        if not path.is_file():
            raise SpamftError(
                f"unknown tokenizer {str(name_or_folder)!r}: expected gpt2, tiny or a "
                f"folder that holds {VOCABULARY}"
            )
        return open_bpe(path, str(path))  # a name that none of ours has
    for file in GPT2_FILES:
        _put_into_cache(file)
    return tiktoken.get_encoding("gpt2")  # reads the cache, checks the hashes again


def open_bpe(path: Path | str, name: str) -> tiktoken.Encoding:
    """Open a vocabulary in tiktoken's file form: one `base64(token) rank` per line.

    END_OF_TEXT gets the id after the last rank. Raises SpamftError, with the line, for
    anything but ranks from 0 on without a gap.
    """
    ranks = {}
    for number, line in enumerate(Path(path).read_bytes().splitlines(), start=1):
        try:
            token, rank = line.split()
            ranks[base64.b64decode(token, validate=True)] = int(rank)
        except ValueError:
            raise SpamftError(f"{path}:{number}: expected `base64 rank`") from None
        if len(ranks) != number or ranks.get(base64.b64decode(token)) != number - 1:
            raise SpamftError(f"{path}:{number}: expected rank {number - 1}")
    if missing := {bytes([b]) for b in range(256)} - ranks.keys():
        # tiktoken would stop the process at the first text that needs it
        raise SpamftError(f"{path}: no token for the byte {min(missing)[0]}")
    return tiktoken.Encoding(
        name,
        pat_str=PATTERN,
        mergeable_ranks=ranks,
        special_tokens={END_OF_TEXT: len(ranks)},
    )


def check_bpe(encoding: tiktoken.Encoding) -> None:
    """Raise SpamftError unless `open_bpe` would give this tokenizer back."""
    size = len(encoding._mergeable_ranks)
    if (
        encoding._pat_str != PATTERN
        or encoding._special_tokens != {END_OF_TEXT: size}
        or sorted(encoding._mergeable_ranks.values()) != list(range(size))
    ):
        raise SpamftError(
            f"the tokenizer {encoding.name} cannot be saved: only byte-level ones with "
            f"GPT-2's pattern and {END_OF_TEXT} as the last token can"
        )


def save_bpe(ranks: dict[bytes, int], path: Path | str) -> None:
    """Write a vocabulary for `open_bpe`."""
    lines = (
        f"{base64.b64encode(token).decode()} {rank}\n"
        for token, rank in sorted(ranks.items(), key=lambda item: item[1])
    )
    with whole_file(path) as part:
        part.write_text("".join(lines))


def cached_file(file: VocabularyFile) -> Path:
    """Where tiktoken keeps this file, if it has it."""
    return _cache_folder() / hashlib.sha1(file.url.encode()).hexdigest()


def _put_into_cache(file: VocabularyFile) -> None:
    """Make sure that tiktoken finds `file` in its cache and asks no network."""
    target = cached_file(file)
    if target.exists() and sha256(target) == file.sha256:
        return
    # Imported where it is needed: most days the cache has the file
    from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache

    cached = try_to_load_from_cache(HUB_REPOSITORY, file.hub_name)
    if isinstance(cached, str) and sha256(Path(cached)) == file.sha256:
        with whole_file(target) as part:
            part.write_bytes(Path(cached).read_bytes())
        return
    hub_url = hf_hub_url(HUB_REPOSITORY, file.hub_name)
    fetch(
        [] if constants.HF_HUB_OFFLINE else [file.url, hub_url],
        target,
        size=file.size,
        digest=file.sha256,
        remedy=(
            f"by hand: save {file.url}\n  (or {hub_url}) as\n  {target}\n"
            "  or set TIKTOKEN_CACHE_DIR to a folder that has it"
        ),
        # two files, two addresses: an answer within 10 seconds
        patience=Patience(timeout=2.0, retries=0),
    )


def _cache_folder() -> Path:
    """Where tiktoken keeps its files."""
    for variable in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if variable in os.environ:
            if not os.environ[variable]:
                raise DownloadError(
                    f"{variable} is empty, which disables tiktoken's cache: "
                    "unset it or name a folder"
                )
            return Path(os.environ[variable])
    return Path(tempfile.gettempdir()) / "data-gym-cache"
