"""The architectures that spamft knows, by Hugging Face's name of the type."""

from pathlib import Path
from typing import Any

from spamft.models.backbone import Architecture, Backbone, HuggingFace
from spamft.models.llama_files import LLAMA
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_json
from spamft.pretrained import GPT2

__all__ = [
    "ARCHITECTURES",
    "architecture_of",
    "load_backbone",
    "name_of",
    "theirs_of",
]

ARCHITECTURES: dict[str, Architecture] = {
    "gpt2": GPT2,
    "llama": LLAMA,
}


def load_backbone(folder: Path | str) -> Backbone:
    """The model in a folder of Hugging Face's layout, whatever its architecture.

    Raises SpamftError for a folder that holds none, or an architecture that is not
    among ARCHITECTURES.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise SpamftError(f"{path} is missing: a model folder needs a config.json")
    kind = read_json(path).get("model_type", "gpt2")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        what = brief(repr(kind))
        raise SpamftError(f"{path}: model_type {what} is not one of {known}")
    return ARCHITECTURES[kind].load(Path(folder))


def architecture_of(config: Any) -> Architecture:
    """The one whose models have configs of this type."""
    for architecture in ARCHITECTURES.values():
        if isinstance(config, architecture.config):
            return architecture
    known, what = ", ".join(ARCHITECTURES), type(config).__name__
    raise SpamftError(f"{what} is no config of the architectures {known}")


def name_of(model: Backbone) -> str:
    """The key in ARCHITECTURES of this model's architecture."""
    architecture = architecture_of(model.config)
    return next(key for key, each in ARCHITECTURES.items() if each is architecture)


def theirs_of(model: Backbone) -> HuggingFace:
    """What Hugging Face calls the parts of this model."""
    if (theirs := architecture_of(model.config).theirs) is None:
        what = type(model).__name__
        raise SpamftError(f"what Hugging Face calls the layers of {what} is not known")
    return theirs
