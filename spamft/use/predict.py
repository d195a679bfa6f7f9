"""A classifier + texts -> a Verdict for each."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import pandas as pd
import tiktoken
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from spamft.batches import TokenDataset, encode_texts
from spamft.classifier import GPTClassifier
from spamft.plumbing.buckets import bucket, windows
from spamft.plumbing.device import token_budget as default_token_budget
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.modes import evaluation_mode
from spamft.trunk import TrainablePart
from spamft.use.verdict import DecisionRule, Verdict

__all__ = [
    "CHARACTERS",
    "MESSAGES",
    "classify",
    "classify_stream",
    "count_cut",
    "dataset_for",
    "predict_in_order",
]

# What is held at a time: messages, enough of them for batches of similar length, and
# characters, since messages may be long
MESSAGES, CHARACTERS = 8192, 2**22


def classify(
    model: nn.Module,
    tokenizer: tiktoken.Encoding,
    texts: str | Iterable[str],
    rule: DecisionRule = DecisionRule(),  # noqa: B008, it is frozen
) -> Verdict | list[Verdict]:
    """A Verdict for one text, or one for each of many, in their order.

    Without a `rule` it is the most probable class, and probabilities as trained.
    """
    if isinstance(texts, (pd.DataFrame, dict)):  # which would give its column names
        raise SpamftError(
            f"expected texts, not a {type(texts).__name__}: give a column, df['Text']"
        )
    if isinstance(texts, str):
        return next(classify_stream(model, tokenizer, [texts], rule))
    return list(classify_stream(model, tokenizer, texts, rule))


def classify_stream(
    model: nn.Module,
    tokenizer: tiktoken.Encoding,
    texts: Iterable[str],
    rule: DecisionRule = DecisionRule(),  # noqa: B008, it is frozen
    *,
    chunk_size: int = MESSAGES,
    token_budget: int | None = None,
    on_cut: Callable[[int], None] = lambda count: None,
) -> Iterator[Verdict]:
    """Classify texts as they come, holding no more than `chunk_size` of them at a time,
    nor more than CHARACTERS.

    Within a chunk the same text is classified once, in batches of similar length of at
    most `token_budget` tokens, by default what suits the device. Texts are cut after
    `model.max_length` tokens; `on_cut` is told of how many in each chunk.
    """
    if chunk_size < 1:
        raise SpamftError(f"{chunk_size=} must be at least 1 message")
    for chunk in windows(_with_sizes(texts), chunk_size, CHARACTERS):
        distinct = list(dict.fromkeys(chunk))
        ids = model.encode(distinct, tokenizer)
        on_cut(count_cut(model, chunk, tokenizer))
        examples = _dataset(model, ids, [0] * len(ids), tokenizer)
        logits = predict_in_order(model, examples, token_budget)
        verdicts = rule.verdicts(logits, model.label_names)
        verdict_of = dict(zip(distinct, verdicts, strict=True))
        for text in chunk:
            yield verdict_of[text]


def _with_sizes(texts: Iterable[str]) -> Iterator[tuple[str, int]]:
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise SpamftError(f"message {place} is {text!r}: expected a text")
        yield text, len(text)


def count_cut(
    model: nn.Module, texts: Sequence[str], tokenizer: tiktoken.Encoding
) -> int:
    """How many texts are longer than the `model.max_length` tokens that it reads."""
    most = model.max_length
    # a token has a byte at least, so short texts need no counting; of those that a
    # normalizer may write longer, such as ﷺ, all are counted
    long = [text for text in texts if len(text) > most or not text.isascii()]
    return sum(len(ids) > most for ids in encode_texts(long, tokenizer))


def dataset_for(
    model: nn.Module, df: pd.DataFrame, tokenizer: tiktoken.Encoding
) -> TokenDataset:
    """Messages with class ids as labels, tokenized as `model` reads them."""
    ids = model.encode(df["Text"].tolist(), tokenizer)
    return _dataset(model, ids, df["Label"].tolist(), tokenizer)


def _dataset(
    model: nn.Module,
    ids: list[list[int]],
    labels: list[int],
    tokenizer: tiktoken.Encoding,
) -> TokenDataset:
    width = model.width  # a model that reads the last column needs the width it knows
    return TokenDataset(
        ids, labels, tokenizer.eot_token, width, fixed_width=width is not None
    )


@torch.inference_mode()
def predict_in_order(
    model: nn.Module,
    dataset: Dataset | Sequence[list[int]],
    token_budget: int | None = None,
) -> Tensor:
    """(N, K) float32 logits on the CPU, one row per example, in their order.

    `dataset` is one of spamft's, or token ids. Batches have examples of similar length
    and at most `token_budget` tokens, by default what suits the device.
    """
    if not isinstance(dataset, Dataset):  # padding is never read by these models
        dataset = TokenDataset(dataset, [0] * len(dataset), pad_id=0)
    device = next(model.parameters()).device
    # the same logits, without what of the last block nobody reads
    reader = TrainablePart(model) if isinstance(model, GPTClassifier) else model
    groups = bucket(dataset.lengths, token_budget or default_token_budget(device))
    batches = []
    with evaluation_mode(reader):
        for places in groups:
            *inputs, _ = dataset.collate([dataset[i] for i in places])
            batches.append(reader(*(x.to(device) for x in inputs)).float().cpu())
    order = torch.tensor([place for places in groups for place in places])
    logits = torch.cat(batches)
    return torch.empty_like(logits).index_copy_(0, order, logits)
