"""A run -> a folder for transformers: `pipeline("text-classification", FOLDER)`.

    config.json, model.safetensors    the classifier, its logits divided by temperature
    tokenizer.json and companions     its tokenizer
    README.md                         the model card

transformers itself opens the folder before that gets its name, and must give the ids
and logits of spamft; else nothing is written.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spamft.classifier import GPTClassifier
from spamft.export.agreement import Agreement, check_ids, check_numbers, odd_texts
from spamft.export.finished import Finished
from spamft.export.hf_classifier import write_hf
from spamft.export.hf_tokenizer import Filler, filler_of, hf_tokenizer, with_filler
from spamft.export.model_card import in_code, model_card
from spamft.models.architectures import architecture_of
from spamft.models.backbone import Backbone
from spamft.plumbing.buckets import bucket
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.extras import needed
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import write_json
from spamft.tokenizer import END_OF_TEXT
from spamft.use.predict import predict_in_order

__all__ = [
    "FILES",
    "TOKENIZER",
    "calibrated",
    "compare",
    "export_transformers",
    "write_tokenizer",
]

TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
FILES = ("config.json", "model.safetensors", *TOKENIZER, "README.md")
BUDGET = 1024  # tokens of a batch that is compared
MOST = 128  # texts of the test part that are

USE = """\
from transformers import pipeline

classify = pipeline("text-classification", {folder}, truncation=True)
classify(["a message", "another"], batch_size=16)"""


def export_transformers(
    run: Finished, folder: Path | str, log: Callable[[str], None] = lambda line: None
) -> Agreement:
    """Write `run` for transformers, which must be there and agree; say how far.

    Raises SpamftError, and writes nothing, for a model that theirs cannot be, and where
    an id or a logit differs.
    """
    transformers = needed("transformers", "to check what is written", "export")
    encoding, rule = run.saved.tokenizer, run.saved.rule
    filler = filler_of(encoding, run.model.gpt.config.vocab_size)
    ready = _with_room(
        calibrated(run.model, rule.temperature), filler, encoding.eot_token
    )
    with whole_folder(folder, FILES) as made:
        _write(ready, made, filler, encoding.eot_token, {"spamft": rule.to_dict()})
        write_tokenizer(made, run, filler)
        auto = transformers.AutoModelForSequenceClassification
        found = compare(auto.from_pretrained(made), made, run)
        checked = (
            f"transformers {transformers.__version__} opened this folder: its logits "
            f"differ from spamft's, divided by the temperature, {found}."
        )
        use = USE.format(folder=in_code(Path(folder).name))
        card = model_card(run, "transformers", use, checked)
        (made / "README.md").write_text(card, encoding="utf-8")
    log(f"transformers {transformers.__version__}: logits differ from spamft's {found}")
    return found


def calibrated(model: GPTClassifier, temperature: float) -> GPTClassifier:
    """The same classifier with its logits divided by `temperature`."""
    return _with_gpt(model, model.gpt, temperature)


def _with_gpt(
    model: GPTClassifier, gpt: Backbone, temperature: float = 1.0
) -> GPTClassifier:
    """A classifier as `model` on another language model."""
    bias = model.head.bias is not None
    made = GPTClassifier(
        gpt, model.label_names, model.pooling, max_length=model.max_length, bias=bias
    )
    with torch.no_grad():
        for name, parameter in model.head.named_parameters():
            made.head.get_parameter(name).copy_(parameter / temperature)
    return made.eval()


def _with_room(model: GPTClassifier, filler: Filler, end: int) -> GPTClassifier:
    """The same with a vector for a new filler, and a place for it behind any text."""
    gpt = model.gpt
    if filler.is_new:  # an empty text is the filler alone there, and the end here
        gpt = _with_row(gpt, "vocab_size", copy=end)
    if model.max_length == gpt.config.context_length:
        gpt = _with_row(gpt, "context_length", copy=0)
    return _with_gpt(model, gpt)


def _with_row(gpt: Backbone, size: str, copy: int) -> Backbone:
    """A model with `size` larger by one; whatever has so many rows repeats one."""
    config = replace(gpt.config, **{size: getattr(gpt.config, size) + 1})
    with torch.device("meta"):
        made = architecture_of(config).build(config)
    shapes, weights = made.state_dict(), gpt.state_dict()
    for name, tensor in weights.items():
        if tensor.shape != shapes[name].shape:
            weights[name] = torch.cat([tensor, tensor[copy : copy + 1]])
    made.load_state_dict(weights, assign=True)
    return made


def _write(
    model: GPTClassifier, folder: Path, filler: Filler, end: int, more: dict[str, Any]
) -> None:
    try:
        ends = {"bos_token_id": end, "eos_token_id": end}
        write_hf(model, folder, filler.number, **ends, **more)
    except SpamftError as error:  # what transformers cannot be
        raise SpamftError(
            f"{error}; --to onnx takes it as it is, or train it anew with "
            "--pooling last_real and causal attention"
        ) from error


def write_tokenizer(folder: Path, run: Finished, filler: Filler) -> None:
    """Write the tokenizer's files for transformers into a folder that is there."""
    made = with_filler(hf_tokenizer(run.saved.tokenizer, filler), filler)
    special = {"eos_token": END_OF_TEXT, "pad_token": filler.word}
    (folder / TOKENIZER[0]).write_text(made.to_str(), encoding="utf-8")
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": run.model.max_length + 1,  # the filler behind it counts
        # without token types, to which GPT-2 would give vectors
        "model_input_names": ["input_ids", "attention_mask"],
        "padding_side": "right",
        "truncation_side": "right",
        "split_special_tokens": True,  # their words in a message are text
        "clean_up_tokenization_spaces": False,
    }
    write_json(folder / TOKENIZER[1], settings | special)
    write_json(folder / TOKENIZER[2], special)


def compare(theirs: Any, folder: Path, run: Finished) -> Agreement:
    """Ids and logits of a model and a tokenizer of transformers against spamft's."""
    from transformers import AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), run.model
    odd = odd_texts(model.max_length)

    def ids_of(texts: Sequence[str]) -> list[list[int]]:
        plain = {"add_special_tokens": False, "verbose": False}
        return tokenizer(list(texts), **plain)["input_ids"]

    texts = [*odd, *run.texts]
    wanted = run.saved.tokenizer.encode_ordinary_batch(texts)
    check_ids(texts, ids_of(texts), wanted)
    texts = [*odd, *run.test[:: max(1, len(run.test) // MOST)]]
    ids = model.encode(texts, run.saved.tokenizer)
    wanted = predict_in_order(model, ids) / run.saved.rule.temperature
    alone = [[place] for place in range(len(odd))]
    together = bucket([len(each) for each in ids], BUDGET)
    for ways in (alone, together):
        found = torch.empty_like(wanted)
        for places in ways:
            found[places] = _logits(theirs, tokenizer, [texts[i] for i in places])
        seen = sorted(i for places in ways for i in places)
        agreement = check_numbers(found[seen], wanted[seen], "logits of transformers")
    return agreement


@torch.inference_mode()
def _logits(theirs: Any, tokenizer: Any, texts: list[str]) -> Tensor:
    """(N, K) of a batch, as their pipeline computes them; the mask must not matter."""
    batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    logits = theirs.eval()(**batch).logits
    without = theirs(input_ids=batch["input_ids"]).logits
    check_numbers(without, logits, "logits without an attention mask")
    return logits
