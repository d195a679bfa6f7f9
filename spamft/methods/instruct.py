"""The task in words: messages -> prompts and answers, and what a GPT answers.

    Is this message ham or spam?            an instruction, and perhaps examples

    Message: WIN a car, text CAR now        the input
    Answer: spam<|endoftext|>               the response: only this is learned

A dataset of these trains a GPT with `train.fit` as it is: labels of the prompt are
IGNORED. Shapes: B batch, T tokens, N prompts, K answers.
"""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import pandas as pd
import tiktoken
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from spamft.batches import TOKEN_BUDGET, BucketSampler, bucket
from spamft.evaluate import IGNORED
from spamft.gpt import GPT, generate
from spamft.modes import evaluation_mode

__all__ = [
    "INSTRUCTION",
    "PAIRS",
    "InstructionBatch",
    "InstructionDataset",
    "answer_likelihoods",
    "encode_prompt",
    "load_pairs",
    "make_instruction_loader",
    "parse_answer",
    "read_answers",
    "respond",
]

INSTRUCTION = "Is this message ham or spam?"
PAIRS = Path(__file__).parents[1] / "assets" / "instructions" / "pairs.jsonl"
Reading = Literal["generated", "likelihood", "per_token"]


class InstructionBatch(NamedTuple):
    """B prompts with their responses: what a GPT takes, and the next tokens asked."""

    ids: Tensor  # (B, T) int64, padded on the right
    labels: Tensor  # (B, T) int64, the token after each; IGNORED outside the response


def load_pairs(path: Path | str = PAIRS) -> pd.DataFrame:
    """The package's open instructions: kind, instruction, input, output."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return pd.DataFrame(map(json.loads, lines))


def encode_prompt(
    tokenizer: tiktoken.Encoding,
    text: str,
    instruction: str = INSTRUCTION,
    *,
    shots: Sequence[tuple[str, str]] = (),
    room: int | None = None,
) -> list[int]:
    """The tokens up to the response; `shots` are (message, answer) examples before it.

    With `room`, the most tokens of a prompt, a message that is too long is cut at its
    end, so that the question and "Answer:" stay. Raises ValueError if these alone
    do not fit.
    """
    examples = "".join(f"Message: {t}\nAnswer: {a}\n\n" for t, a in shots)
    before = tokenizer.encode_ordinary(f"{instruction}\n\n{examples}Message:")
    after = tokenizer.encode_ordinary("\nAnswer:")
    message = tokenizer.encode_ordinary(f" {text}")
    if room is not None:
        left = room - len(before) - len(after)
        if left < 1:
            raise ValueError(
                f"instruction and examples take {len(before) + len(after)} tokens of "
                f"{room}: no room for the message"
            )
        message = message[:left]
    return before + message + after


class InstructionDataset(Dataset):
    """Prompts and the responses to learn; `dataset[i]` is (ids, labels)."""

    def __init__(
        self,
        prompts: Sequence[list[int]],
        responses: Sequence[str],
        tokenizer: tiktoken.Encoding,
    ):
        if not len(prompts):
            raise ValueError("no instructions: there is no prompt")
        self.end = tokenizer.eot_token
        self.rows = []
        for prompt, response in zip(prompts, responses, strict=True):
            answer = [*_encode_answer(tokenizer, response), self.end]
            labels = [IGNORED] * (len(prompt) - 1) + answer
            self.rows.append((prompt + answer[:-1], labels))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[list[int], list[int]]:
        return self.rows[i]


def make_instruction_loader(
    dataset: InstructionDataset,
    token_budget: int = 512,
    *,
    shuffle: bool = False,
    seed: int = 123,
) -> DataLoader:
    """Batches of rows of like length, each of at most `token_budget` tokens.

    With `shuffle` a new order of new batches every epoch, from a generator of its own.
    """
    generator = torch.Generator().manual_seed(seed) if shuffle else None
    lengths = [len(ids) for ids, _ in dataset.rows]
    return DataLoader(
        dataset,
        batch_sampler=BucketSampler(lengths, token_budget, generator),
        generator=torch.Generator().manual_seed(seed),
        collate_fn=partial(_collate, end=dataset.end),
    )


@torch.inference_mode()
def respond(
    gpt: GPT,
    tokenizer: tiktoken.Encoding,
    prompts: Sequence[list[int]],
    max_new_tokens: int,
) -> list[str]:
    """The likeliest continuation of each prompt, up to its end token."""
    device = gpt.tok_emb.weight.device
    by_length: dict[int, list[int]] = {}
    for place, prompt in enumerate(prompts):
        by_length.setdefault(len(prompt), []).append(place)
    texts = [""] * len(prompts)
    for length, places in by_length.items():
        size = max(1, TOKEN_BUDGET.get(device.type, TOKEN_BUDGET["cpu"]) // length)
        for start in range(0, len(places), size):
            chosen = places[start : start + size]
            ids = torch.tensor([prompts[i] for i in chosen], device=device)
            longer = generate(gpt, ids, max_new_tokens, stop_id=tokenizer.eot_token)
            for place, row in zip(chosen, longer[:, length:].tolist(), strict=True):
                end = (
                    row.index(tokenizer.eot_token)
                    if tokenizer.eot_token in row
                    else None
                )
                texts[place] = tokenizer.decode(row[:end])
    return texts


def parse_answer(text: str, names: Sequence[str]) -> int | None:
    """The place of the name that `text` begins with, or None.

    >>> parse_answer(" Spam.", ("ham", "spam"))
    1
    >>> parse_answer(" spammers", ("ham", "spam")) is None
    True
    """
    said = text.strip().casefold()
    found = [
        (len(name), place)
        for place, name in enumerate(names)
        if said.startswith(name.casefold()) and not said[len(name) :][:1].isalnum()
    ]
    return max(found)[1] if found else None


@torch.inference_mode()
def answer_likelihoods(
    gpt: GPT,
    tokenizer: tiktoken.Encoding,
    prompts: Sequence[list[int]],
    names: Sequence[str],
    *,
    per_token: bool = False,
) -> Tensor:
    """(N, K): ln of the probability of each name after each prompt, in nats.

    `per_token` divides by the name's tokens, so that long names are not at a loss.
    """
    answers = [_encode_answer(tokenizer, name) for name in names]
    jobs = [(i, k) for i in range(len(prompts)) for k in range(len(names))]
    lengths = [len(prompts[i]) + len(answers[k]) for i, k in jobs]
    device = gpt.tok_emb.weight.device
    budget = TOKEN_BUDGET.get(device.type, TOKEN_BUDGET["cpu"])
    logs = torch.empty(len(prompts), len(names))
    with evaluation_mode(gpt):
        for places in bucket(lengths, budget):
            rows = [prompts[jobs[p][0]] + answers[jobs[p][1]] for p in places]
            ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
            hidden = gpt.hidden(ids.to(device))
            for row, place in enumerate(places):
                i, k = jobs[place]
                start, count = len(prompts[i]) - 1, len(answers[k])
                chances = gpt.logits(hidden[row, start : start + count]).log_softmax(-1)
                log = chances[range(count), answers[k]].sum().item()
                logs[i, k] = log / count if per_token else log
    return logs


def read_answers(
    gpt: GPT,
    tokenizer: tiktoken.Encoding,
    prompts: Sequence[list[int]],
    names: Sequence[str],
    reading: Reading = "generated",
) -> list[int | None]:
    """The class that each prompt is answered with.

    "generated": what the model writes, None if that is none of the names;
    "likelihood": the name with the highest probability; "per_token": the same, as a
    mean over the name's tokens.
    """
    if reading not in get_args(Reading):
        raise ValueError(f"{reading=} must be one of {', '.join(get_args(Reading))}")
    if reading == "generated":
        longest = max(len(_encode_answer(tokenizer, name)) for name in names)
        texts = respond(gpt, tokenizer, prompts, longest + 1)
        return [parse_answer(text, names) for text in texts]
    logs = answer_likelihoods(
        gpt, tokenizer, prompts, names, per_token=reading == "per_token"
    )
    return logs.argmax(-1).tolist()


def _encode_answer(tokenizer: tiktoken.Encoding, answer: str) -> list[int]:
    """The same tokens in training and in reading: after a space, without the end."""
    return tokenizer.encode_ordinary(f" {answer}")


def _collate(rows: Sequence[tuple[list[int], list[int]]], end: int) -> InstructionBatch:
    ids, labels = zip(*rows, strict=True)
    return InstructionBatch(
        pad_sequence([torch.tensor(row) for row in ids], True, end),
        pad_sequence([torch.tensor(row) for row in labels], True, IGNORED),
    )
