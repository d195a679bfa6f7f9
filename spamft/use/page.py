"""A finetuned classifier -> one HTML page that holds it and runs in any browser.

    write_page("runs/mine", "page.html")    no server, no network, nothing to install

The page is made of assets/page: a template, its style, the model in JavaScript, gpt.js,
and what is shown of it, app.js. To these come the weights, in 8 bits or fewer, what the
run says of itself, and the logits of its test part, but no message of anybody.
"""

import base64
import copy
import hashlib
import html
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from spamft.classifier import GPTClassifier
from spamft.methods.nf4 import dequantize, nf4_levels, quantize, scale_levels
from spamft.models.architectures import name_of
from spamft.models.attention import attention_of
from spamft.models.normalizer import normalizer_of, plain_of
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file
from spamft.plumbing.jsonfile import read_json
from spamft.sources import open_messages
from spamft.sources.labels import read_as
from spamft.tokenizer import check_bpe
from spamft.use.predict import predict_in_order
from spamft.use.saved import Saved, load
from spamft.use.verdict import show_share

__all__ = ["FORMS", "Form", "PageFacts", "in_form", "write_page"]

ASSETS = Path(__file__).parents[1] / "assets" / "page"
MOST = 12_000_000  # bytes of a page: what a mailbox takes, and a telephone opens
MOST_FLIPPED = 0.02  # of the verdicts, where two classes are nearly as probable
EXAMPLES = {
    True: "Congratulations! You have won a free prize. Call 0800 000 0000 to claim it",
    False: "Could you call me when you are home? I will bring the bread",
}


class Form(NamedTuple):
    """One way to write a matrix in few bits."""

    bytes: float  # per number
    pack: Callable[[Tensor], dict[str, Tensor]]  # by the end of its parts' names
    unpack: Callable[[dict[str, Tensor], Sequence[int]], Tensor]


def _pack_int8(weight: Tensor) -> dict[str, Tensor]:
    """Whole numbers to 127 and a scale for each row, which is one output's."""
    scale = weight.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / 127
    return {"": (weight / scale[:, None]).round().to(torch.int8), ".scale": scale}


def _unpack_int8(stored: dict[str, Tensor], shape: Sequence[int]) -> Tensor:
    return stored[""] * stored[".scale"][:, None]


def _pack_nf4(weight: Tensor) -> dict[str, Tensor]:
    return {f".{part}": tensor for part, tensor in quantize(weight).items()}


def _unpack_nf4(stored: dict[str, Tensor], shape: Sequence[int]) -> Tensor:
    return dequantize({part[1:]: tensor for part, tensor in stored.items()}, shape)


# the first that fits is taken, so the most precise one
FORMS: dict[str, Form] = {
    "int8": Form(1.0, _pack_int8, _unpack_int8),
    "NF4": Form(0.52, _pack_nf4, _unpack_nf4),
}


@dataclass(frozen=True)
class PageFacts:
    """What was written, and how far its verdicts are from the model's."""

    path: Path
    size: int  # bytes
    form: str  # of FORMS
    messages: int  # on which both were compared
    flipped: int  # of their verdicts
    difference: float  # largest, of a probability

    def __str__(self) -> str:
        apart = show_share(self.difference)
        return (
            f"{self.path}: {self.size / 1e6:.1f} MB, weights in {self.form}; of "
            f"{self.messages:,} messages {self.flipped:,} get another verdict than "
            f"from the whole model, probabilities differ by {apart} at most"
        )


class _Comparison(NamedTuple):
    """Messages that the model and its smaller form are compared on."""

    texts: list[str]
    labels: list[int] | None  # class ids of the test part; None: of no use as a test


def write_page(
    folder: Path | str, path: Path | str, *, base: Path | str | None = None
) -> PageFacts:
    """Write the classifier in a run's folder as one HTML file; it appears whole or not.

    `base` is as in `load`. Raises SpamftError for a model that the page cannot run, one
    that does not fit into 12 MB, and one that loses too many verdicts in few bits.
    """
    folder = Path(folder)
    saved = load(folder, base=base, precision="float32")  # as the page computes
    _check(saved, folder)
    name = _choose(saved.model, folder)
    small, tensors = in_form(saved.model, name)
    comparison = _comparison(folder, saved)
    ids = saved.model.encode(comparison.texts, saved.tokenizer)
    whole, logits = predict_in_order(saved.model, ids), predict_in_order(small, ids)
    if comparison.labels is not None:
        tensors["test.logits"] = logits
        tensors["test.labels"] = torch.tensor(comparison.labels, dtype=torch.int32)
    flipped, difference = _compare(saved, whole, logits)
    told = f"{flipped:,} of {len(ids):,} verdicts differ from the whole model's"
    if flipped > MOST_FLIPPED * len(ids):
        raise SpamftError(
            f"{folder}: in {name} {told}, more than {show_share(MOST_FLIPPED)}: "
            "finetune a smaller model, which fits in int8, or train it longer"
        )
    page = _page(_card(saved, folder, name, told), tensors).encode()
    if len(page) > MOST:
        raise _too_large(saved.model, folder, len(page))
    with whole_file(path) as part:
        part.write_bytes(page)
    return PageFacts(Path(path), len(page), name, len(ids), flipped, difference)


def in_form(model: GPTClassifier, name: str) -> tuple[GPTClassifier, dict[str, Tensor]]:
    """A copy with the numbers that one of FORMS leaves of each matrix, and its tensors.

    Vectors and the head, which are few numbers, stay as they are.
    """
    form, tensors, small = FORMS[name], {}, copy.deepcopy(model).cpu()
    for key, weight in small.state_dict().items():
        if weight.dim() < 2 or key.startswith("head."):
            tensors[key] = weight.clone()
            continue
        stored = form.pack(weight)
        tensors |= {f"{key}{end}": tensor for end, tensor in stored.items()}
        weight.copy_(form.unpack(stored, weight.shape))
    return small, tensors


def _check(saved: Saved, folder: Path) -> None:
    """Raise SpamftError for a model that gpt.js does not have."""
    model, lacks = saved.model, None
    if not isinstance(model, GPTClassifier):
        lacks = "a model that answers a prompt: finetune it with a class head"
    elif name_of(model.gpt) != "gpt2":
        lacks = f"a {name_of(model.gpt)}: finetune a GPT, say --model tiny"
    elif attention_of(model.gpt) == "full":
        lacks = "full attention: finetune with --attention causal"
    elif model.pooling not in ("last_real", "mean"):
        lacks = f"pooling {model.pooling}: finetune with last_real or mean"
    if lacks:
        raise SpamftError(f"{folder}: a page cannot run {lacks}")
    check_bpe(plain_of(saved.tokenizer))


def _choose(model: nn.Module, folder: Path) -> str:
    """The first of FORMS that a page has room for."""
    for name, form in FORMS.items():
        if _estimate(model, form) <= MOST:
            return name
    raise _too_large(model, folder, _estimate(model, form))


def _estimate(model: nn.Module, form: Form) -> int:
    """Bytes of a page: base64 writes 3 bytes as 4 characters."""
    sizes = [(p.dim(), p.numel()) for p in model.parameters()]
    return int(sum(n * (form.bytes if dim > 1 else 4) for dim, n in sizes) * 4 / 3)


def _too_large(model: nn.Module, folder: Path, size: int) -> SpamftError:
    count = sum(p.numel() for p in model.parameters())
    return SpamftError(
        f"{folder}: a page of this model, of {count:,} parameters, would take "
        f"{size / 1e6:.1f} MB, and {MOST / 1e6:.0f} MB is the most: finetune a smaller "
        "one, say --model tiny"
    )


def _comparison(folder: Path, saved: Saved) -> _Comparison:
    """The run's test part; the bundled sample for a model that came without one."""
    path = folder / "test.csv"
    if not path.is_file():
        return _Comparison(open_messages("sample").df["Text"].tolist()[:300], None)
    df, _ = read_as(open_messages(path).df, saved.model.label_names)
    return _Comparison(df["Text"].tolist(), df["Label"].tolist())


def _compare(saved: Saved, whole: Tensor, small: Tensor) -> tuple[int, float]:
    """Flipped verdicts, and the largest difference of a probability."""
    rule, names = saved.rule, saved.model.label_names
    flipped = rule.predict(whole, names) != rule.predict(small, names)
    apart = rule.probabilities(whole) - rule.probabilities(small)
    return int(flipped.sum()), float(apart.abs().max())


def _card(saved: Saved, folder: Path, form: str, told: str) -> dict[str, Any]:
    """All that the page needs to know beside the weights."""
    model, rule = saved.model, saved.rule
    names = [visible(name) for name in model.label_names]
    ranks = sorted(saved.tokenizer._mergeable_ranks.items(), key=lambda pair: pair[1])
    count = sum(p.numel() for p in model.parameters())
    classes = ", ".join(names[:8]) + (" and others" if len(names) > 8 else "")
    return {
        "title": f"{' or '.join(names)}?" if len(names) < 5 else "Which class is it?",
        "about": f"A GPT of {count:,} parameters, {_method(folder)} to tell {classes}. "
        "It runs here, in your browser: nothing that you write leaves this page.",
        "details": f"Weights in {form}: {told}.",
        "example": EXAMPLES[set(names) == {"ham", "spam"}],
        "gpt": asdict(model.gpt.config),
        "label_names": list(model.label_names),
        "pooling": model.pooling,
        "max_length": model.max_length,
        "normalizer": _normalizer(saved),
        "tokens": [base64.b64encode(token).decode() for token, _ in ranks],
        "nf4": {
            "levels": nf4_levels().tolist(),
            "scale_levels": scale_levels().tolist(),
        },
        "text_columns": list(saved.text_columns),
        "rule": rule.to_dict(),
        "rule_words": "; ".join(str(rule).splitlines()),
        "alarm": _alarm(saved),
    }


def _normalizer(saved: Saved) -> dict[str, Any] | None:
    """How texts are written before they become tokens, if not as they are.

    JavaScript does not know which characters combine with the one before: `marks` are
    these, for a class of its regular expressions.
    """
    normalizer = normalizer_of(saved.tokenizer)
    if normalizer is None:
        return None
    marks = filter(unicodedata.combining, map(chr, range(sys.maxunicode + 1)))
    return normalizer.to_dict() | {
        "marks": "".join(f"\\u{{{ord(m):x}}}" for m in marks)
    }


def _method(folder: Path) -> str:
    """How it was finetuned, if that is told."""
    path = folder / "metrics.json"
    found = read_json(path).get("method", {}) if path.is_file() else {}
    name = found.get("name") if isinstance(found, dict) else None
    return f"finetuned ({visible(name)})" if isinstance(name, str) else "finetuned"


def _alarm(saved: Saved) -> int:
    """The class whose false alarms cost: the rule's, or spam, or the second."""
    names, threshold = list(saved.model.label_names), saved.rule.threshold
    named = threshold.label if threshold else "spam"
    return names.index(named) if named in names else 1


def _page(card: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """The template with all that it names; scripts and style run by their hashes."""
    style, gpt, app = (_asset(name) for name in ("page.css", "gpt.js", "app.js"))
    policy = {
        "default-src": "'none'",
        "script-src": f"{_hash(gpt)} {_hash(app)}",
        "style-src": _hash(style),
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",  # no text becomes markup
        "trusted-types": "'none'",
    }
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    parts = {
        "policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "title": html.escape(card["title"]),
        # in a script nothing is escaped, so it must hold no tag
        "card": json.dumps(card).replace("<", "\\u003c"),
        "weights": base64.b64encode(to_bytes(contiguous)).decode(),
        "style": style,
        "gpt": gpt,
        "app": app,
    }
    return re.sub(r"{{(\w+)}}", lambda name: parts[name[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
