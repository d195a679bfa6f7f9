"""A GPT with a class head: what it reads, what of it trains, and how to use it.

Shapes: B batch, T tokens, C channels, K classes.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import tiktoken
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from spamft.batches import TOKEN_BUDGET, bucket, collate, encode_texts
from spamft.gpt import GPT, GPTConfig
from spamft.modes import evaluation_mode
from spamft.pretrained import hf_config, to_hf
from spamft.tokenizer import VOCABULARY, check_bpe, save_bpe

__all__ = [
    "GPTClassifier",
    "Trainable",
    "Verdict",
    "classify",
    "classify_stream",
    "export_hf",
    "folded_norm_bias",
    "load",
    "save",
    "set_trainable",
]

Pooling = Literal["last_real", "last", "first", "mean"]
CANARY = "You have won a prize! Call now."  # a saved model repeats what it said to this


class GPTClassifier(nn.Module):
    """Reads a message left to right and judges it at one of its tokens.

    Attention is causal, so only the last token has seen the whole message.
    `pooling` says which token the head reads: "last_real", the last one before the
    padding; "last", the last column, padding or not, as in the lecture; "first"; or
    "mean", the mean over the real ones.

    `label_names` are the classes in order, ham and spam if there are two.
    `max_length` is the most tokens of a message that are read, at most the context.
    """

    def __init__(
        self,
        gpt: GPT,
        num_classes: int = 2,
        pooling: Pooling = "last_real",
        *,
        label_names: Sequence[str] | None = None,
        max_length: int | None = None,
        seed: int = 123,
    ):
        super().__init__()
        context = gpt.config.context_length
        names = label_names or (
            ("ham", "spam") if num_classes == 2 else map(str, range(num_classes))
        )
        self.label_names = tuple(names)
        self.pooling = pooling
        self.max_length = context if max_length is None else max_length
        if pooling not in get_args(Pooling):
            raise ValueError(
                f"{pooling=} must be one of {', '.join(get_args(Pooling))}"
            )
        if num_classes < 2 or len(set(self.label_names)) != num_classes:
            raise ValueError(
                f"{num_classes=} needs that many different names and at least 2, "
                f"not {self.label_names}"
            )
        if not 1 <= self.max_length <= context:
            raise ValueError(f"{max_length=} must lie in 1..{context}, the context")
        self.gpt = gpt
        self.head = nn.Linear(gpt.config.emb_dim, num_classes)
        if not self.head.weight.is_meta:  # a meta model is about to be filled
            bound = gpt.config.emb_dim**-0.5  # nn.Linear's rule, from our own seed
            generator = torch.Generator().manual_seed(seed)
            with torch.no_grad():
                for parameter in self.head.parameters():
                    parameter.uniform_(-bound, bound, generator=generator)

    def forward(self, ids: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, T) token ids -> (B, K) class logits.

        `lengths` (B,) counts each row's real tokens; without it there is no padding.
        """
        return self.judge(self.gpt.embed(ids), lengths)

    def judge(self, x: Tensor, lengths: Tensor | None = None, start: int = 0) -> Tensor:
        """(B, T, C), what enters block `start`, -> (B, K) class logits."""
        return self.head(self.pool(x, lengths, start))

    def pool(self, x: Tensor, lengths: Tensor | None = None, start: int = 0) -> Tensor:
        """(B, T, C), what enters block `start`, -> (B, C), what the head reads."""
        B, T, _ = x.shape
        if lengths is None:
            lengths = torch.full((B,), T, device=x.device)
        *blocks, last = self.gpt.blocks[start:]
        for block in blocks:
            x = block(x)
        if self.pooling == "mean":
            x = self.gpt.final_norm(last(x))
            real = torch.arange(T, device=x.device) < lengths[:, None]  # (B, T)
            return (x * real[..., None]).sum(1) / lengths[:, None]
        position = {
            "last_real": lengths - 1,
            "last": torch.full_like(lengths, T - 1),
            "first": torch.zeros_like(lengths),
        }[self.pooling]
        return self.gpt.final_norm(last.at(x, position))


@dataclass(frozen=True)
class Trainable:
    """What `set_trainable` left to train."""

    parts: tuple[str, ...]
    trained: int  # parameters
    total: int  # parameters

    def __str__(self) -> str:
        return (
            f"{self.trained:,} of {self.total:,} parameters train "
            f"({self.trained / self.total:.1%}): {', '.join(self.parts)}"
        )


def set_trainable(model: GPTClassifier, scope: str | int) -> Trainable:
    """Freeze everything outside `scope`, and say what trains.

    "head"; "last_block" or "last_two_blocks", with the final norm and the head as in
    the lecture; a number n for the last n blocks; or "all".
    """
    gpt, layers = model.gpt, model.gpt.config.n_layers
    named = {"head": 0, "last_block": 1, "last_two_blocks": 2}
    count = named.get(scope, scope)
    if scope != "all" and (not isinstance(count, int) or not 0 <= count <= layers):
        raise ValueError(
            f"cannot train {scope!r}: expected head, last_block, last_two_blocks, "
            f"a number of last blocks up to {layers}, or all"
        )
    model.requires_grad_(scope == "all")
    parts = {"the whole model": model}
    if scope != "all":
        first = layers - count
        parts = {f"block {i}": gpt.blocks[i] for i in range(first, layers)}
        if count:
            parts["the final norm"] = gpt.final_norm
        parts["the head"] = model.head
    for part in parts.values():
        part.requires_grad_(True)
    return Trainable(
        tuple(parts),
        sum(p.numel() for p in model.parameters() if p.requires_grad),
        sum(p.numel() for p in model.parameters()),
    )


class Verdict(NamedTuple):
    """What the model says about one message."""

    label: str
    probabilities: dict[str, float]  # label name -> 0..1


def classify(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    texts: str | Iterable[str],
    **options: int,
) -> Verdict | list[Verdict]:
    """Judge one text, or many in their order; `options` as in `classify_stream`."""
    if isinstance(texts, str):
        return next(classify_stream(model, tokenizer, [texts], **options))
    return list(classify_stream(model, tokenizer, texts, **options))


def classify_stream(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    texts: Iterable[str],
    *,
    chunk_size: int = 8192,
    token_budget: int | None = None,
) -> Iterator[Verdict]:
    """Judge texts as they come, holding no more than `chunk_size` of them at a time.

    Within a chunk equal texts are judged once, in batches of like length of at most
    `token_budget` tokens, by default what suits the device. Texts are cut after
    `model.max_length` tokens.
    """
    if chunk_size < 1:
        raise ValueError(f"{chunk_size=} must be at least 1 message")
    texts, read = iter(texts), 0
    while chunk := list(islice(texts, chunk_size)):
        for place, text in enumerate(chunk, start=read):
            if not isinstance(text, str):
                raise TypeError(f"message {place} is {text!r}: expected a text")
        read += len(chunk)
        unique = list(dict.fromkeys(chunk))
        chances = _probabilities(model, tokenizer, unique, token_budget)
        verdicts = {
            text: Verdict(
                model.label_names[max(range(len(row)), key=row.__getitem__)],
                dict(zip(model.label_names, row, strict=True)),
            )
            for text, row in zip(unique, chances.tolist(), strict=True)
        }
        for text in chunk:
            label, probabilities = verdicts[text]
            yield Verdict(label, dict(probabilities))


@torch.inference_mode()
def _probabilities(
    model: GPTClassifier,
    tokenizer: tiktoken.Encoding,
    texts: list[str],
    token_budget: int | None,
) -> Tensor:
    """(N, K) class probabilities, in the order of `texts`."""
    ids = encode_texts(texts, tokenizer, model.max_length)
    # The last column means the same only at the width that training had
    width = model.max_length if model.pooling == "last" else None
    lengths = [width or len(tokens) for tokens in ids]
    device = model.head.weight.device
    token_budget = token_budget or TOKEN_BUDGET.get(device.type, TOKEN_BUDGET["cpu"])
    chances = torch.empty(len(texts), len(model.label_names))
    with evaluation_mode(model):
        for places in bucket(lengths, token_budget):
            batch = collate([(ids[i], 0) for i in places], tokenizer.eot_token, width)
            logits = model(batch.ids.to(device), batch.lengths.to(device))
            chances[places] = logits.float().softmax(-1).cpu()
    return chances


def save(
    model: GPTClassifier, folder: Path | str, tokenizer: tiktoken.Encoding
) -> None:
    """Write all that `load` needs: model.safetensors and classifier.json.

    And vocabulary.tiktoken, if the tokenizer is neither "gpt2" nor "tiny".
    """
    known = tokenizer.name in ("gpt2", "tiny")
    if not known:
        check_bpe(tokenizer)
    if odd := set(model.state_dict()) - set(_like(model).state_dict()):
        raise ValueError(
            f"{min(odd)} is no part of a plain classifier, so load could not use it: "
            "after LoRA call merge_lora first, or save_adapter instead"
        )
    card = {
        "gpt": asdict(model.gpt.config),
        "label_names": model.label_names,
        "pooling": model.pooling,
        "max_length": model.max_length,
        "tokenizer": tokenizer.name if known else VOCABULARY,
        "canary": _canary(model, tokenizer),
    }
    lines = json.dumps(card, indent=2) + "\n"
    weights = {name: t.contiguous() for name, t in model.state_dict().items()}
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=folder) as name:
        made = Path(
            name
        )  # all is written before anything gets its place, the card last
        save_file(weights, made / "model.safetensors")
        if not known:
            save_bpe(tokenizer._mergeable_ranks, made / VOCABULARY)
        (made / "classifier.json").write_text(lines, encoding="utf-8")
        for item in sorted(made.iterdir(), key=lambda path: path.suffix == ".json"):
            item.replace(folder / item.name)


def load(folder: Path | str) -> GPTClassifier:
    """The classifier that `save` wrote, in evaluation mode, on the CPU.

    `load_tokenizer(model.tokenizer)` is what it reads with. Raises ValueError for
    a folder that holds no such model, or whose model does not repeat its canary.
    """
    folder = Path(folder)
    for name in ("classifier.json", "model.safetensors"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} holds no saved classifier: {name} is missing")
    try:
        card = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        with torch.device("meta"):
            model = GPTClassifier(
                GPT(GPTConfig(**card["gpt"])),
                len(card["label_names"]),
                card["pooling"],
                label_names=card["label_names"],
                max_length=card["max_length"],
            )
        model.load_state_dict(load_file(folder / "model.safetensors"), assign=True)
        ids, said = card["canary"]["ids"], torch.tensor(card["canary"]["logits"])
        known = card["tokenizer"] in ("gpt2", "tiny")
        model.tokenizer = card["tokenizer"] if known else str(folder.resolve())
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{folder}: not a saved classifier: {reason}") from error
    model.eval()
    with torch.inference_mode():
        says = model(torch.tensor([ids]))[0]
    if not torch.allclose(says, said, atol=1e-3, rtol=1e-3):
        raise ValueError(
            f"{folder}: asked {card['canary']['text']!r} the loaded model says "
            f"{says.tolist()}, the saved one said {said.tolist()}"
        )
    return model


def _like(model: GPTClassifier) -> GPTClassifier:
    """A plain classifier of the same shape, without numbers."""
    with torch.device("meta"):
        return GPTClassifier(
            GPT(model.gpt.config),
            len(model.label_names),
            label_names=model.label_names,
        )


@torch.inference_mode()
def _canary(model: GPTClassifier, tokenizer: tiktoken.Encoding) -> dict:
    """One message with its logits: a loaded model must say the same."""
    [ids] = encode_texts([CANARY], tokenizer, model.max_length)
    with evaluation_mode(model):
        logits = model(torch.tensor([ids], device=model.head.weight.device))[0]
    return {"text": CANARY, "ids": ids, "logits": logits.tolist()}


def export_hf(model: GPTClassifier, folder: Path | str) -> None:
    """Write `model` as a GPT2ForSequenceClassification, which transformers opens.

    Theirs has no bias in its head: see `folded_norm_bias`. Only for "last_real"
    pooling, which is theirs.
    """
    if model.pooling != "last_real":
        raise ValueError(
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
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


@torch.no_grad()
def folded_norm_bias(model: GPTClassifier) -> Tensor:
    """(C,): the final norm's bias that makes the head's own unnecessary.

    Only the head W reads that norm, and W (x + d) = W x + b for d = pinv(W) b.
    """
    moved = torch.linalg.pinv(model.head.weight.double()) @ model.head.bias.double()
    bias = model.gpt.final_norm.bias
    return (bias.double() + moved).to(bias.dtype)
