"""A classifier -> a folder that transformers opens."""

from pathlib import Path

from spamft.classifier import GPTClassifier, folded_norm_bias
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import write_json
from spamft.plumbing.tensors import write_tensors
from spamft.pretrained import hf_config, to_hf

__all__ = ["export_hf"]


def export_hf(model: GPTClassifier, folder: Path | str) -> None:
    """Write `model` as a GPT2ForSequenceClassification, which transformers opens.

    Its head has no bias: see `folded_norm_bias`. Only for "last_real" pooling, the one
    that transformers has.
    """
    if model.pooling != "last_real":
        raise SpamftError(
            f"Hugging Face's GPT-2 reads the last real token, not {model.pooling!r}"
        )
    weights = to_hf(model.gpt)
    weights["transformer.ln_f.bias"] = folded_norm_bias(model)
    weights["score.weight"] = model.head.weight.detach().contiguous()
    names = dict(enumerate(model.label_names))
    config = hf_config(model.gpt.config) | {
        "architectures": ["GPT2ForSequenceClassification"],
        "pad_token_id": model.gpt.config.vocab_size - 1,
        "id2label": names,
        "label2id": {name: number for number, name in names.items()},
    }
    with whole_folder(folder) as made:
        write_tensors(made / "model.safetensors", weights, {"format": "pt"})
        write_json(made / "config.json", config)
