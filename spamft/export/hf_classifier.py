"""A classifier -> Hugging Face's classifier of its architecture: config and weights."""

from pathlib import Path
from typing import Any

from torch import Tensor

from spamft.classifier import GPTClassifier
from spamft.models.architectures import theirs_of
from spamft.models.score import to_score
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import write_json
from spamft.plumbing.tensors import write_tensors

__all__ = ["hf_files", "write_hf"]


def write_hf(
    model: GPTClassifier, folder: Path, pad_id: int | None = None, **entries: Any
) -> None:
    """Write config.json and model.safetensors into a folder that is there.

    `to_transformers` adds the tokenizer and a card, and checks them all.
    """
    config, weights = hf_files(model, pad_id, **entries)
    write_tensors(folder / "model.safetensors", weights, {"format": "pt"})
    write_json(folder / "config.json", config)


def hf_files(
    model: GPTClassifier, pad_id: int | None = None, **entries: Any
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config, with more `entries`, and the weights, with the head as `score`.

    Theirs finds the end of a message by `pad_id`, the token that fills up a batch: by
    default GPT-2's end of text; of a Llama, whose tokenizers differ, it must be given.
    Raises SpamftError for what theirs cannot do, see `to_score`.
    """
    theirs = theirs_of(model.gpt)
    config = theirs.config(model.gpt.config)
    pad_id = config.get("eos_token_id") if pad_id is None else pad_id
    if pad_id is None or not 0 <= pad_id < model.gpt.config.vocab_size:
        raise SpamftError(
            f"{pad_id=} is no token that fills up a batch: give the tokenizer's, say "
            "pad_id=tokenizer.eot_token"
        )
    names = dict(enumerate(model.label_names))
    config |= {
        "architectures": [theirs.classifier],
        "pad_token_id": pad_id,
        "problem_type": "single_label_classification",
        "id2label": names,
        "label2id": {name: number for number, name in names.items()},
        **entries,
    }
    # an output of tokens lies outside their prefix, and no classifier has it
    weights = {
        name: tensor
        for name, tensor in theirs.layout.export(model.gpt).items()
        if name.startswith(theirs.layout.prefix)
    }
    return config, weights | to_score(model)
