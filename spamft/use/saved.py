"""A classifier <-> a folder: the weights, and a card with all that is needed to use it.

save(model, folder, tokenizer)    model.safetensors and classifier.json
load(folder)                      Saved(model, tokenizer), checked against a canary
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import tiktoken
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from spamft.classifier import GPTClassifier
from spamft.models.architectures import ARCHITECTURES, name_of
from spamft.models.prompted import PromptClassifier
from spamft.plumbing.device import pick_device
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_folder
from spamft.plumbing.modes import evaluation_mode
from spamft.tokenizer import VOCABULARY, check_bpe, load_tokenizer, save_bpe
from spamft.use.predict import Verdict, classify

__all__ = ["Saved", "load", "save"]

CANARY = "You have won a prize! Call now."  # a loaded model must answer this as before
CARD, WEIGHTS = "classifier.json", "model.safetensors"
KNOWN_TOKENIZERS = ("gpt2", "tiny")


@dataclass(frozen=True)
class Saved:
    """A classifier and the tokenizer that it reads with."""

    model: nn.Module
    tokenizer: tiktoken.Encoding

    def classify(self, texts: str | Iterable[str]) -> Verdict | list[Verdict]:
        """A Verdict for one text, or one for each of many, in their order."""
        return classify(self.model, self.tokenizer, texts)


def save(model: nn.Module, folder: Path | str, tokenizer: tiktoken.Encoding) -> None:
    """Write all that `load` needs, as a folder that appears whole or not at all.

    That is model.safetensors, classifier.json and, if the tokenizer is neither "gpt2"
    nor "tiny", vocabulary.tiktoken. Raises SpamftError for a model with layers that a
    plain one does not have, such as LoRA's.
    """
    known = tokenizer.name in KNOWN_TOKENIZERS
    if not known:
        check_bpe(tokenizer)
    card = {
        "architecture": name_of(model.gpt),
        "gpt": asdict(model.gpt.config),
        **_card(model),
        "tokenizer": tokenizer.name if known else VOCABULARY,
        "canary": _canary(model, tokenizer),
    }
    if odd := set(model.state_dict()) - set(_build(card).state_dict()):
        raise SpamftError(
            f"{min(odd)} is not part of a plain classifier, so load could not use it: "
            "call merge_lora first, or save_adapter instead"
        )
    weights = {name: t.contiguous() for name, t in model.state_dict().items()}
    with whole_folder(folder, own=(CARD, WEIGHTS, VOCABULARY)) as made:
        save_file(weights, made / WEIGHTS)
        if not known:
            save_bpe(tokenizer._mergeable_ranks, made / VOCABULARY)
        card_text = json.dumps(card, indent=2) + "\n"
        (made / CARD).write_text(card_text, encoding="utf-8")


def load(folder: Path | str, *, device: str = "cpu") -> Saved:
    """The classifier that `save` wrote to `folder`, or to `model` in a run's folder.

    It is in evaluation mode, on `device`. Raises SpamftError for a folder that holds
    no such model, or whose model does not repeat its canary.
    """
    folder = Path(folder)
    if not (folder / CARD).is_file() and (folder / "model" / CARD).is_file():
        folder = folder / "model"
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            raise SpamftError(f"{folder} holds no saved classifier: {name} is missing")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        model = _build(card)
        model.load_state_dict(load_file(folder / WEIGHTS), assign=True)
        ids, logits = card["canary"]["ids"], torch.tensor(card["canary"]["logits"])
        known = card["tokenizer"] in KNOWN_TOKENIZERS
        tokenizer = card["tokenizer"] if known else folder.resolve()
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise SpamftError(f"{folder}: not a saved classifier: {reason}") from error
    again = _logits(model, ids)
    if not torch.allclose(again, logits, atol=1e-3, rtol=1e-3):
        raise SpamftError(
            f"{folder}: for {card['canary']['text']!r} the loaded model gives "
            f"{again.tolist()}, the saved one gave {logits.tolist()}"
        )
    return Saved(model.eval().to(pick_device(device)), load_tokenizer(tokenizer))


def _card(model: nn.Module) -> dict:
    """What beside the language model makes this classifier."""
    if isinstance(model, PromptClassifier):
        return {
            "label_names": model.label_names,
            "answers": model.answers,
            "instruction": model.instruction,
            "shots": model.shots,
        }
    return {
        "label_names": model.label_names,
        "pooling": model.pooling,
        "max_length": model.max_length,
    }


def _build(card: dict) -> nn.Module:
    """The classifier that a card describes, without numbers."""
    architecture = ARCHITECTURES[card["architecture"]]
    with torch.device("meta"):
        gpt = architecture.build(architecture.config(**card["gpt"]))
        if "answers" in card:
            return PromptClassifier(
                gpt,
                card["label_names"],
                card["answers"],
                instruction=card["instruction"],
                shots=card["shots"],
            )
        return GPTClassifier(
            gpt, card["label_names"], card["pooling"], max_length=card["max_length"]
        )


def _canary(model: nn.Module, tokenizer: tiktoken.Encoding) -> dict:
    """One message with its logits: a loaded model must give the same."""
    [ids] = model.encode([CANARY], tokenizer)
    return {"text": CANARY, "ids": ids, "logits": _logits(model, ids).tolist()}


@torch.inference_mode()
def _logits(model: nn.Module, ids: list[int]) -> torch.Tensor:
    device = next(model.parameters()).device
    with evaluation_mode(model):
        batch = torch.tensor([ids], device=device)
        return model(batch, torch.tensor([len(ids)], device=device))[0].cpu()
