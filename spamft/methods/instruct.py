"""The task in words: prompts to learn from, and the answers that a GPT gives.

    Is this message ham or spam?            an instruction, and perhaps examples

    Message: WIN a car, text CAR now        the input
    Answer: spam<|endoftext|>               the response: only this is learned

That is the plain form; models/prompts.py has that of models tuned on dialogues, too.
A dataset of these trains a GPT with `train` as it is: labels of the prompt are IGNORED.
`models.prompted.PromptClassifier` then classifies by the likelihood of each name.
Shapes: B batch, T tokens, N prompts, K answers.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import pandas as pd
import tiktoken
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from spamft.data import Splits
from spamft.evaluate import IGNORED
from spamft.gpt import generate
from spamft.methods.heads import sharing_copy
from spamft.methods.task import Lessons, Task
from spamft.models.backbone import Backbone
from spamft.models.prompted import NextToken, PromptClassifier
from spamft.models.prompts import encode_answer, end_of_answer
from spamft.plumbing.device import token_budget
from spamft.plumbing.errors import SpamftError
from spamft.use.predict import dataset_for, predict_in_order

__all__ = [
    "PAIRS",
    "READINGS",
    "InstructionBatch",
    "InstructionDataset",
    "Prompted",
    "answer_likelihoods",
    "encode_prompts",
    "load_pairs",
    "parse_answer",
    "read_answers",
    "respond",
]

PAIRS = Path(__file__).parents[1] / "assets" / "instructions" / "pairs.jsonl"
Reading = Literal["generated", "likelihood", "per_token"]
READINGS = get_args(Reading)
SHORT = 80  # characters: examples in a prompt leave room for the message


@dataclass(frozen=True)
class Prompted:
    """A GPT that answers with a class's name; `shots` examples stand in its prompt."""

    shots: int = 0

    def __call__(self, gpt: Backbone, task: Task, seed: int) -> PromptClassifier:
        if task.tokenizer is None:
            raise SpamftError("prompts need a tokenizer: give the task one")
        answers = [encode_answer(task.tokenizer, name) for name in task.label_names]
        return PromptClassifier(
            sharing_copy(gpt), task.label_names, answers, shots=self._examples(task)
        )

    def _examples(self, task: Task) -> list[tuple[str, str]]:
        """Short training messages with their names, one class after the other."""
        examples, classes = [], len(task.label_names)
        for i in range(self.shots):
            label, turn = i % classes, i // classes
            train = task.splits.train
            texts = train[train["Label"] == label]["Text"]
            short = texts[texts.str.len() < SHORT]
            texts = short if len(short) > turn else texts
            examples.append((texts.iloc[turn], task.label_names[label]))
        return examples


def encode_prompts(
    model: PromptClassifier,
    task: Task,
    *,
    progress: bool = False,
    log: Callable[[str], None] | None = None,
) -> Lessons:
    """Prompts whose responses the GPT itself learns; measured by likelihood."""
    parts = Splits(*(dataset_for(model, x, task.tokenizer) for x in task.splits))
    train, validation = (
        InstructionDataset(
            part.ids, [task.label_names[k] for k in part.labels], task.tokenizer
        )
        for part in parts[:2]
    )
    return Lessons(NextToken(model.gpt), train, validation, model, parts)


class InstructionBatch(NamedTuple):
    """B prompts with their responses: what a GPT takes, and the next tokens."""

    ids: Tensor  # (B, T) int64, padded on the right
    labels: Tensor  # (B, T) int64, the token after each; IGNORED outside the response


def load_pairs(path: Path | str = PAIRS) -> pd.DataFrame:
    """The package's open instructions: kind, instruction, input, output."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    return pd.DataFrame(map(json.loads, lines))


class InstructionDataset(Dataset):
    """Prompts and the responses to learn; `dataset[i]` is (ids, labels)."""

    def __init__(
        self,
        prompts: Sequence[list[int]],
        responses: Sequence[str],
        tokenizer: tiktoken.Encoding,
    ):
        if not len(prompts):
            raise SpamftError("no instructions: there is no prompt")
        self.end = end_of_answer(tokenizer)
        self.rows = []
        for prompt, response in zip(prompts, responses, strict=True):
            answer = [*encode_answer(tokenizer, response), self.end]
            labels = [IGNORED] * (len(prompt) - 1) + answer
            self.rows.append((prompt + answer[:-1], labels))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[list[int], list[int]]:
        return self.rows[i]

    @property
    def lengths(self) -> list[int]:
        """How many tokens each row has."""
        return [len(ids) for ids, _ in self.rows]

    def collate(self, rows: Sequence[tuple[list[int], list[int]]]) -> InstructionBatch:
        """Rows of this dataset -> a batch."""
        ids, labels = zip(*rows, strict=True)
        return InstructionBatch(
            pad_sequence([torch.tensor(row) for row in ids], True, self.end),
            pad_sequence([torch.tensor(row) for row in labels], True, IGNORED),
        )


@torch.inference_mode()
def respond(
    gpt: Backbone,
    tokenizer: tiktoken.Encoding,
    prompts: Sequence[list[int]],
    max_new_tokens: int,
) -> list[str]:
    """The likeliest continuation of each prompt, up to its end token."""
    device, end = next(gpt.parameters()).device, end_of_answer(tokenizer)
    by_length: dict[int, list[int]] = {}
    for place, prompt in enumerate(prompts):
        by_length.setdefault(len(prompt), []).append(place)
    texts = [""] * len(prompts)
    for length, places in by_length.items():
        size = max(1, token_budget(device) // length)
        for start in range(0, len(places), size):
            chosen = places[start : start + size]
            ids = torch.tensor([prompts[i] for i in chosen], device=device)
            longer = generate(gpt, ids, max_new_tokens, stop_id=end)
            for place, row in zip(chosen, longer[:, length:].tolist(), strict=True):
                answer = takewhile(lambda token: token != end, row)
                texts[place] = tokenizer.decode(list(answer))
    return texts


def parse_answer(text: str, names: Sequence[str]) -> int | None:
    """The place of the name that `text` begins with, or None.

    >>> parse_answer(" Spam.", ("ham", "spam"))
    1
    >>> parse_answer(" spammers", ("ham", "spam")) is None
    True
    """
    answer = text.strip().casefold()
    found = [
        (len(name), place)
        for place, name in enumerate(names)
        if answer.startswith(name.casefold()) and not answer[len(name) :][:1].isalnum()
    ]
    return max(found)[1] if found else None


def answer_likelihoods(
    gpt: Backbone,
    tokenizer: tiktoken.Encoding,
    prompts: Sequence[list[int]],
    names: Sequence[str],
    *,
    per_token: bool = False,
) -> Tensor:
    """(N, K): ln of the probability of each name after each prompt, in nats.

    `per_token` divides by the number of tokens, so that longer names are not penalised.
    """
    answers = [encode_answer(tokenizer, name) for name in names]
    logs = predict_in_order(PromptClassifier(gpt, names, answers), prompts)
    return logs / torch.tensor(list(map(len, answers))) if per_token else logs


def read_answers(
    gpt: Backbone,
    tokenizer: tiktoken.Encoding,
    prompts: Sequence[list[int]],
    names: Sequence[str],
    reading: Reading = "generated",
) -> list[int | None]:
    """The class that each prompt is answered with.

    "generated": what the model writes, None if that is none of the names;
    "likelihood": the name with the highest probability; "per_token": the same, as a
    mean over the tokens of the name.
    """
    if reading not in READINGS:
        raise SpamftError(f"{reading=} must be one of {', '.join(READINGS)}")
    if reading == "generated":
        longest = max(len(encode_answer(tokenizer, name)) for name in names)
        texts = respond(gpt, tokenizer, prompts, longest + 1)
        return [parse_answer(text, names) for text in texts]
    logs = answer_likelihoods(
        gpt, tokenizer, prompts, names, per_token=reading == "per_token"
    )
    return logs.argmax(-1).tolist()
