"""A classifier <-> a folder: the weights, and a card with all that is needed to use it.

save(model, folder, tokenizer)    model.safetensors and classifier.json
load(folder)                      Saved(model, tokenizer), checked against a canary

With a base, the weights are those alone that training changed: see trained.py.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import tiktoken
import torch
from torch import Tensor, nn

from spamft.classifier import GPTClassifier
from spamft.methods.lora import merge_lora, unmerge_lora
from spamft.models.architectures import ARCHITECTURES, name_of
from spamft.models.normalizer import (
    Normalizer,
    NormalizingEncoding,
    normalizer_of,
    plain_of,
)
from spamft.models.precision import (
    PRECISIONS,
    Precision,
    lower_precision,
    missing_for,
    precision_named,
    precision_of,
)
from spamft.models.prompted import PromptClassifier
from spamft.models.smollm2 import SMOLLM2
from spamft.models.vocabulary import BoundedEncoding, Vocabulary
from spamft.plumbing.checkpoint import digest
from spamft.plumbing.device import pick_device
from spamft.plumbing.display import SHORT, brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import DownloadError
from spamft.plumbing.files import sha256, whole_folder
from spamft.plumbing.jsonfile import read_json, read_sealed, write_json, write_sealed
from spamft.plumbing.modes import evaluation_mode
from spamft.plumbing.tensors import check_tensors, write_tensors
from spamft.pretrained import PUBLISHED
from spamft.sources.bases import MissingBaseError
from spamft.sources.models import Pretrained
from spamft.tokenizer import VOCABULARY, check_bpe, load_tokenizer, save_bpe
from spamft.use.predict import classify
from spamft.use.trained import Kept, all_weights, choose_weights
from spamft.use.verdict import DecisionRule, Verdict, rule_from

__all__ = ["FILES", "Saved", "load", "save"]

CANARY = "You have won a prize! Call now."  # a loaded model must answer this as before
CARD, WEIGHTS = "classifier.json", "model.safetensors"
TOKENS, NORMALIZER = "vocabulary.json", "normalizer.json"
FILES = (CARD, WEIGHTS, VOCABULARY, TOKENS, NORMALIZER)  # all that `save` may write
KNOWN_TOKENIZERS = ("gpt2", "tiny")


@dataclass(frozen=True)
class Saved:
    """A classifier and the tokenizer that it reads with."""

    model: nn.Module
    tokenizer: tiktoken.Encoding
    text_columns: tuple[str, ...] = ()  # that training read, where they had a name
    rule: DecisionRule = DecisionRule()  # what it does with its logits
    notes: tuple[str, ...] = ()  # what is not as it was when it was saved

    def classify(self, texts: str | Iterable[str]) -> Verdict | list[Verdict]:
        """A Verdict for one text, or one for each of many, in their order."""
        return classify(self.model, self.tokenizer, texts, self.rule)

    def identity(self) -> str:
        """What decides its logits, as a SHA-256."""
        normalizer = normalizer_of(self.tokenizer)
        ranks = plain_of(self.tokenizer)._mergeable_ranks
        reading = [[rank, token.hex()] for token, rank in ranks.items()]
        reading.append(normalizer.to_dict() if normalizer else {})
        gpt, weights = asdict(self.model.gpt.config), self.model.state_dict()
        return digest([gpt, _card(self.model), reading, weights])


def save(
    model: nn.Module,
    folder: Path | str,
    tokenizer: tiktoken.Encoding,
    *,
    text_columns: Sequence[str] = (),
    rule: DecisionRule = DecisionRule(),  # noqa: B008, it is frozen
    base: Pretrained | None = None,
) -> Kept:
    """Write all that `load` needs, as a folder that appears whole or not at all.

    That is model.safetensors, classifier.json and, if the tokenizer is neither "gpt2"
    nor "tiny", vocabulary.tiktoken or, of a Llama, vocabulary.json; normalizer.json of
    one that normalizes texts. LoRA is merged.
    With the `base` that was trained, only what training changed is written, if that is
    less than half and the base can be opened again; `load` then opens it, too. Raises
    SpamftError for a model with layers that a plain one does not have, such as NF4's.
    """
    precision = precision_of(model.gpt)._asdict()  # merged, LoRA's matrices have none
    taken = merge_lora(model)
    try:
        card = _describe(model, tokenizer, text_columns, rule)
        card["precision"] = precision
        weights, kept, facts = choose_weights(model, taken, base)
        _write(Path(folder), card | facts, weights, tokenizer)
    finally:
        unmerge_lora(model, taken)
    return kept


def _describe(
    model: nn.Module,
    tokenizer: tiktoken.Encoding,
    text_columns: Sequence[str],
    rule: DecisionRule,
) -> dict:
    """The card, but for what it says of files."""
    tokenizer_file = _tokenizer_file(tokenizer)
    card = {
        "architecture": name_of(model.gpt),
        "gpt": asdict(model.gpt.config),
        **_card(model),
        "text_columns": list(text_columns),
        "rule": rule.to_dict(),
        "tokenizer": tokenizer_file or tokenizer.name,
    }
    plain, weights = _build(card), model.state_dict()
    if odd := set(weights) - set(plain.state_dict()):
        raise SpamftError(
            f"{min(odd)} is not part of a plain classifier, so load could not use it"
        )
    plain.load_state_dict(weights, assign=True)
    # in float32, so that any machine can repeat it
    return card | {"canary": _canary(plain, tokenizer)}


def _write(
    folder: Path, card: dict, weights: dict[str, Tensor], tokenizer: tiktoken.Encoding
) -> None:
    with whole_folder(folder, FILES) as made:
        write_tensors(made / WEIGHTS, weights)
        if card["tokenizer"] == VOCABULARY:
            save_bpe(tokenizer._mergeable_ranks, made / VOCABULARY)
        elif card["tokenizer"] == TOKENS:
            write_json(made / TOKENS, tokenizer.vocabulary.to_dict())
        if normalizer := normalizer_of(tokenizer):
            write_json(made / NORMALIZER, normalizer.to_dict())
        files = {path.name: sha256(path) for path in made.iterdir()}
        write_sealed(made / CARD, card | {"sha256": files})


def load(
    folder: Path | str,
    *,
    base: Path | str | None = None,
    device: str = "cpu",
    precision: str = "auto",
) -> Saved:
    """The classifier that `save` wrote to `folder`, or to `model` in a run's folder.

    It is in evaluation mode, on `device`. `base` is where the model beside which its
    trained part is used lies now, if that was moved. `precision` is by default that of
    the training, as the card says, or float32 with a note where the device has no
    instructions for it; any other one holds for all blocks. Raises SpamftError for a
    folder that holds no such model, one of whose files has changed since, whose base is
    missing or another one, or whose model does not repeat its canary.
    """
    folder, where = Path(folder), pick_device(device)
    precision_named(precision, where)  # a wrong one is refused before any work
    if not (folder / CARD).is_file() and (folder / "model" / CARD).is_file():
        folder = folder / "model"
    if (
        str(folder) in (*PUBLISHED, *SMOLLM2, "tiny", "auto", "gpt", "scratch")
        and not folder.exists()
    ):
        raise SpamftError(
            f"{folder} is a GPT that no finetuning has taught labels yet: run `spamft "
            f"finetune --model {folder} --output runs/mine`, then give runs/mine"
        )
    for name in (CARD, WEIGHTS):
        if not (folder / name).is_file():
            raise SpamftError(f"{folder} holds no saved classifier: {name} is missing")
    card = read_sealed(folder / CARD)
    try:
        _check_files(folder, card["sha256"])
        weights = all_weights(card, folder / WEIGHTS, base)
        model = _fill(card, weights, folder / WEIGHTS)
        tokenizer = _open_tokenizer(card, folder, model)
        _repeat_canary(model, tokenizer, card["canary"], folder)
        columns = _text_columns(card["text_columns"])
        rule = rule_from(card["rule"], model.label_names)
        trained = _precision(card, model)
    except (DownloadError, MissingBaseError) as error:  # with what to do, uncut
        raise type(error)(f"{folder}: {error}") from error
    except Exception as error:  # a sealed card may still hold anything
        raise _refusal(error, folder) from error
    notes = ()
    if precision != "auto":
        trained = Precision(precision, len(model.gpt.blocks))
    elif missing := missing_for(trained.name, where):
        notes = (f"trained with {trained.name}, but {missing}: it uses float32",)
        trained = Precision()
    model = model.eval().to(where)
    lower_precision(model.gpt, *trained)
    return Saved(model, tokenizer, columns, rule, notes)


def _refusal(error: Exception, folder: Path) -> SpamftError:
    """The error for a folder that is no classifier: one short line that names it."""
    said = str(error)
    if not isinstance(error, SpamftError) or str(folder) not in said:
        reason = " ".join(said.split()) or type(error).__name__
        said = f"{folder}: not a saved classifier: {reason}"
    return SpamftError(brief(said, SHORT + len(str(folder))))


def _check_files(folder: Path, digests: dict[str, str]) -> None:
    """Raise SpamftError unless the files are those that were saved."""
    for name in {WEIGHTS, *digests}:
        if name not in FILES or name not in digests or not (folder / name).is_file():
            raise SpamftError(f"{folder / name} is missing, or not in {CARD}")
        if sha256(folder / name) != digests[name]:
            raise SpamftError(
                f"{folder / name} has another SHA-256 than {CARD} says: it is damaged, "
                "or of another model; take it from a copy or train again"
            )


def _fill(card: dict, weights: dict[str, Tensor], path: Path) -> nn.Module:
    """The classifier of a card with the weights of a file, every one checked."""
    if card["gpt"]["n_layers"] > len(weights):  # before as many are built
        raise SpamftError(f"{path} has too few tensors for the layers of {CARD}")
    names = card["label_names"]
    words = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if not words or len(set(names)) != len(names):
        raise SpamftError(
            f"{path.parent}: label_names of {CARD} must be different words"
        )
    model = _build(card)
    check_tensors(weights, model.state_dict(), path)
    model.load_state_dict(weights, assign=True)
    return model


def _precision(card: dict, model: nn.Module) -> Precision:
    """The precision of the training; an older card does not say that it was float32."""
    found = Precision(**card.get("precision", {}))
    least = 0 if found == Precision() else 1
    counts = range(least, len(model.gpt.blocks) + 1)
    if found.name not in PRECISIONS[1:] or found.blocks not in counts:
        raise SpamftError(f"{CARD} has a precision that cannot be: {found!r}")
    return found


def _text_columns(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise SpamftError(f"text_columns of {CARD} must be words")
    return tuple(names)


def _tokenizer_file(tokenizer: tiktoken.Encoding) -> str | None:
    """The file that keeps this tokenizer; None for those that go by their name."""
    if tokenizer.name in KNOWN_TOKENIZERS:
        return None
    if isinstance(plain_of(tokenizer), BoundedEncoding):
        return TOKENS
    check_bpe(tokenizer)
    return VOCABULARY


def _open_tokenizer(card: dict, folder: Path, model: nn.Module) -> tiktoken.Encoding:
    name = card["tokenizer"]
    if name not in (*KNOWN_TOKENIZERS, VOCABULARY, TOKENS):
        raise SpamftError(f"{folder}: unknown tokenizer {name!r} in {CARD}")
    if name == TOKENS:
        path = folder / TOKENS
        tokenizer = Vocabulary.from_dict(read_json(path)).encoding(str(path))
    else:
        tokenizer = load_tokenizer(folder.resolve() if name == VOCABULARY else name)
    if tokenizer.n_vocab > (known := model.gpt.config.vocab_size):
        raise SpamftError(
            f"{folder}: the tokenizer has {tokenizer.n_vocab:,} tokens, the model "
            f"knows {known:,}"
        )
    if NORMALIZER not in card["sha256"]:
        return tokenizer
    normalizer = Normalizer.from_dict(read_json(folder / NORMALIZER))
    return NormalizingEncoding(tokenizer, normalizer)


def _repeat_canary(
    model: nn.Module, tokenizer: tiktoken.Encoding, canary: dict, folder: Path
) -> None:
    """Raise SpamftError unless the model reads and answers as it did when saved."""
    [ids] = model.encode([canary["text"]], tokenizer)
    again, logits = _logits(model, ids), torch.tensor(canary["logits"])
    shape = (len(model.label_names),)
    same = ids == canary["ids"] and again.shape == logits.shape == shape
    if not same or not torch.allclose(again, logits, atol=1e-3, rtol=1e-3):
        raise SpamftError(
            f"{folder}: for {canary['text']!r} the loaded model gives "
            f"{again.tolist()}, the saved one gave {logits.tolist()}"
        )


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
        "bias": model.head.bias is not None,
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
            gpt,
            card["label_names"],
            card["pooling"],
            max_length=card["max_length"],
            bias=card.get("bias", True),  # an older card does not say that it has one
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
