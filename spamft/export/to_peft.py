"""A run with LoRA -> an adapter for PEFT: what training changed, without its base.

    adapter_config.json, adapter_model.safetensors    A and B, the head, the final norm
    tokenizer.json and companions, README.md          as for transformers

That needs a run that was saved beside its base. Of others LoRA is merged into the
weights, and they go to transformers. PEFT itself opens the folder before that gets its
name, and must give the logits of spamft; else nothing is written.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spamft.classifier import GPTClassifier
from spamft.export.agreement import Agreement
from spamft.export.finished import Finished
from spamft.export.hf_classifier import hf_files
from spamft.export.hf_tokenizer import filler_of
from spamft.export.model_card import in_code, model_card
from spamft.export.to_transformers import (
    TOKENIZER,
    calibrated,
    compare,
    write_tokenizer,
)
from spamft.methods.lora import LoRAConfig, add_lora, lora_layers
from spamft.methods.lora_files import write_adapter
from spamft.models.architectures import architecture_of
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.extras import needed
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import read_sealed
from spamft.plumbing.tensors import read_tensors
from spamft.pretrained import OWNER, PUBLISHED
from spamft.sources.bases import Base

__all__ = ["FILES", "export_peft"]

FILES = ("adapter_config.json", "adapter_model.safetensors", *TOKENIZER, "README.md")
KEPT = ("head.", "gpt.final_norm.")  # beside A and B, an adapter holds no more

USE = """\
from peft import AutoPeftModelForSequenceClassification
from transformers import AutoTokenizer, pipeline

names = {names}
model = AutoPeftModelForSequenceClassification.from_pretrained(
    {folder}, dtype="float32", pad_token_id={pad}, num_labels=len(names),
    id2label=dict(enumerate(names)), label2id={{n: i for i, n in enumerate(names)}},
).merge_and_unload()
tokenizer = AutoTokenizer.from_pretrained({folder})
classify = pipeline("text-classification", model, tokenizer=tokenizer, truncation=True)
classify(["a message", "another"], batch_size=16)"""


def export_peft(
    run: Finished,
    folder: Path | str,
    *,
    base: Path | str | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> Agreement:
    """Write the LoRA of `run` for PEFT, which must be there and agree; say how far.

    `base` is where the model that was trained lies now, if it was moved. Raises
    SpamftError, and writes nothing, for a run that was not saved as such a part.
    """
    peft = needed("peft", "to check what is written", "export")
    transformers = needed("transformers", "to check what is written", "export")
    card = read_sealed(run.folder / "model" / "classifier.json")
    part = read_tensors(run.folder / "model" / "model.safetensors")
    filler = filler_of(run.saved.tokenizer, run.model.gpt.config.vocab_size)
    _check_it_can(run, card, part, base, filler.is_new)
    beneath = Base.from_dict(card["base"])
    plain = _on_base(run, beneath.weights(base), part)
    config, weights = hf_files(plain, filler.number)
    model = _with_lora(plain, card["lora"]["scale"], part)
    with whole_folder(folder, FILES) as made:
        write_adapter(model, made, _name_of(beneath, base))
        write_tokenizer(made, run, filler)
        auto = transformers.AutoModelForSequenceClassification
        theirs = auto.from_config(transformers.AutoConfig.for_model(**config))
        theirs.load_state_dict(weights)
        found = compare(peft.PeftModel.from_pretrained(theirs, made), made, run)
        checked = (
            f"PEFT {peft.__version__} opened this folder: its logits differ from "
            f"spamft's, divided by the temperature, {found}."
        )
        place, names = in_code(Path(folder).name), in_code(run.model.label_names)
        use = USE.format(folder=place, names=names, pad=filler.number)
        text = model_card(run, "peft", use, checked)
        (made / "README.md").write_text(text, encoding="utf-8")
    log(f"PEFT {peft.__version__}: logits differ from spamft's {found}")
    return found


def _check_it_can(
    run: Finished,
    card: Mapping[str, Any],
    part: Mapping[str, Tensor],
    base: Path | str | None,
    more: bool,
) -> None:
    """Raise SpamftError for what no adapter holds."""
    lora, context = card.get("lora"), run.model.gpt.config.context_length
    name = card.get("base", {}).get("name")
    changed = [n for n in part if n[-2:] not in (".A", ".B") and not n.startswith(KEPT)]
    reason = None
    if "base" not in card:
        reason = "it was saved whole, with all weights"
    elif not lora:
        reason = "it was not trained by LoRA"
    elif lora["in_4_bits"]:
        reason = "its base is in 4 bits, as only spamft has them"
    elif changed:
        reason = f"training also changed {changed[0]}"
    elif not (Path(base or name).is_dir() or name in PUBLISHED):
        reason = "transformers cannot open its base"
    elif more or run.model.max_length == context:
        reason = "it needs a token, or a place for one, that its base does not have"
    if reason:
        raise SpamftError(f"no adapter: {reason}; --to transformers takes all of it")


def _on_base(
    run: Finished, weights: dict[str, Tensor], part: Mapping[str, Tensor]
) -> GPTClassifier:
    """The classifier with its head and final norm, but without LoRA."""
    config, model = run.model.gpt.config, run.model
    with torch.device("meta"):
        gpt = architecture_of(config).build(config)
    gpt.load_state_dict(weights, assign=True)
    bias = model.head.bias is not None
    made = GPTClassifier(
        gpt, model.label_names, model.pooling, max_length=model.max_length, bias=bias
    )
    made.load_state_dict({n: part[n] for n in part if n.startswith(KEPT)}, strict=False)
    return calibrated(made, run.saved.rule.temperature)


@torch.no_grad()
def _with_lora(
    model: GPTClassifier, scale: float, part: Mapping[str, Tensor]
) -> GPTClassifier:
    """Change `model`: add the A and B of `part`."""
    names = tuple(name[:-2] for name in part if name.endswith(".A"))
    rank = len(part[f"{names[0]}.A"])
    add_lora(model, LoRAConfig(rank, alpha=scale * rank, targets=names))
    for name, layer in lora_layers(model).items():
        layer.A.copy_(part[f"{name}.A"])
        layer.B.copy_(part[f"{name}.B"])
    return model


def _name_of(base: Base, instead: Path | str | None) -> str:
    """What PEFT is told of the model beneath."""
    if base.is_path:
        return str(base.name if instead is None else Path(instead).absolute())
    return f"{OWNER}/{base.name}"
