"""A finetuned classifier -> one HTML page that holds it and runs in any browser.

    write_page("runs/mine", "page.html")    no server, no network, nothing to install

The page is made of assets/page: a template, its style, the model in JavaScript, gpt.js,
and what is shown of it, app.js. To these come the weights, in 8 bits or fewer, what the
run says of itself, and the logits of its test part, but no message of anybody.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from spamft.classifier import GPTClassifier
from spamft.export.page_form import FORMS, Form, in_form
from spamft.export.page_html import describe, to_html
from spamft.models.architectures import name_of
from spamft.models.attention import attention_of
from spamft.models.normalizer import plain_of
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file
from spamft.sources import open_messages
from spamft.sources.labels import read_as
from spamft.tokenizer import check_bpe
from spamft.use.predict import predict_in_order
from spamft.use.saved import Saved, load
from spamft.use.verdict import show_share

__all__ = ["PageFacts", "write_page"]

MOST = 12_000_000  # bytes of a page: what a mailbox takes, and a telephone opens
MOST_FLIPPED = 0.02  # of the verdicts, where two classes are nearly as probable


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
    page = to_html(describe(saved, folder, name, told), tensors).encode()
    if len(page) > MOST:
        raise _too_large(saved.model, folder, len(page))
    with whole_file(path) as part:
        part.write_bytes(page)
    return PageFacts(Path(path), len(page), name, len(ids), flipped, difference)


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
