"""A classifier -> a folder that transformers opens."""

from pathlib import Path

from spamft.classifier import GPTClassifier
from spamft.models.architectures import theirs_of
from spamft.models.score import to_score
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import write_json
from spamft.plumbing.tensors import write_tensors

__all__ = ["export_hf"]


def export_hf(
    model: GPTClassifier, folder: Path | str, *, pad_id: int | None = None
) -> None:
    """Write `model` as transformers' classifier of its architecture, with `score`.

    That finds the end of a message by `pad_id`, the token that fills up a batch: by
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
        "id2label": names,
        "label2id": {name: number for number, name in names.items()},
    }
    # an output of tokens lies outside their prefix, and no classifier has it
    weights = {
        name: tensor
        for name, tensor in theirs.layout.export(model.gpt).items()
        if name.startswith(theirs.layout.prefix)
    } | to_score(model)
    with whole_folder(folder) as made:
        write_tensors(made / "model.safetensors", weights, {"format": "pt"})
        write_json(made / "config.json", config)
