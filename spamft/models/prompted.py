"""A GPT that classifies by answering a prompt: no head, its own words.

    Is this message ham or spam?            the instruction, and perhaps examples

    Message: WIN a car, text CAR now        the input
    Answer:                                 which name is likeliest here?

Shapes: B batch, T tokens, N prompts, K names.
"""

from collections.abc import Sequence

import tiktoken
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from spamft.models.backbone import Backbone
from spamft.plumbing.errors import SpamftError

__all__ = [
    "NextToken",
    "PromptClassifier",
    "encode_answer",
    "encode_prompt",
    "instruction_for",
]


def instruction_for(names: Sequence[str]) -> str:
    """The question that names every class.

    >>> instruction_for(("billing", "bug", "sales"))
    'Is this message billing, bug or sales?'
    """
    return f"Is this message {', '.join(names[:-1])} or {names[-1]}?"


def encode_answer(tokenizer: tiktoken.Encoding, answer: str) -> list[int]:
    """The same tokens in training and in use: after a space, without the end."""
    return tokenizer.encode_ordinary(f" {answer}")


def encode_prompt(
    tokenizer: tiktoken.Encoding,
    text: str,
    instruction: str,
    *,
    shots: Sequence[tuple[str, str]] = (),
    room: int | None = None,
) -> list[int]:
    """The tokens up to the response; `shots` are (message, answer) examples before it.

    With `room`, the most tokens of a prompt, a message that is too long is cut at its
    end, so that the question and "Answer:" stay. Raises SpamftError if these alone do
    not fit.
    """
    examples = "".join(f"Message: {t}\nAnswer: {a}\n\n" for t, a in shots)
    before = tokenizer.encode_ordinary(f"{instruction}\n\n{examples}Message:")
    after = tokenizer.encode_ordinary("\nAnswer:")
    message = tokenizer.encode_ordinary(f" {text}")
    if room is not None:
        left = room - len(before) - len(after)
        if left < 1:
            raise SpamftError(
                f"instruction and examples take {len(before) + len(after)} tokens of "
                f"{room}: no room for the message"
            )
        message = message[:left]
    return before + message + after


class NextToken(nn.Module):
    """A language model as a thing to train: its logits for the token after each."""

    def __init__(self, gpt: Backbone):
        super().__init__()
        self.gpt = gpt

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) token ids -> (B, T, V) next-token logits."""
        x = self.gpt.embed(ids)
        for block in self.gpt.blocks:
            x = block(x)
        return self.gpt.logits(self.gpt.final_norm(x))


class PromptClassifier(nn.Module):
    """A language model whose class logits are how likely it finds each name.

    `answers` are the tokens of each name. `shots` are examples for every prompt.
    """

    width = None  # padding never matters: what is read stands before it
    pooling = None  # no vector is read, but the likelihood of words

    def __init__(
        self,
        gpt: Backbone,
        label_names: Sequence[str],
        answers: Sequence[Sequence[int]],
        *,
        instruction: str | None = None,
        shots: Sequence[tuple[str, str]] = (),
    ):
        super().__init__()
        self.gpt = gpt
        self.label_names = tuple(label_names)
        self.answers = [list(tokens) for tokens in answers]
        self.instruction = instruction or instruction_for(self.label_names)
        self.shots = tuple((text, answer) for text, answer in shots)
        # room for the longest answer and the end token after it
        self.max_length = gpt.config.context_length - 1 - max(map(len, self.answers))

    def encode(
        self, texts: Sequence[str], tokenizer: tiktoken.Encoding
    ) -> list[list[int]]:
        """The prompt of each text; a text that is too long is cut at its end."""
        return [
            encode_prompt(
                tokenizer,
                text,
                self.instruction,
                shots=self.shots,
                room=self.max_length,
            )
            for text in texts
        ]

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(B, T) padded prompts -> (B, K): ln of the probability of each name, in nats.

        The scores of all names are logits, so softmax weighs the names alone.
        """
        return self.log_likelihoods(ids, lengths).sum(-1)

    def log_likelihoods(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """(B, T) prompts -> (B, K, A): ln p of each token of each name, 0 beyond it."""
        # Names that differ in their last token alone share a row: what is read stands
        # before that token
        stems = list(dict.fromkeys(tuple(answer[:-1]) for answer in self.answers))
        real = lengths.tolist()
        rows = [
            torch.cat(
                [row[:n], torch.tensor(stem, dtype=torch.long, device=ids.device)]
            )
            for row, n in zip(ids, real, strict=True)
            for stem in stems
        ]
        x = self.gpt.embed(pad_sequence(rows, True))
        for block in self.gpt.blocks:
            x = block(x)
        shape = len(ids), len(self.answers), max(map(len, self.answers))
        logs = torch.zeros(shape, device=ids.device)
        for i, length in enumerate(real):
            for k, answer in enumerate(self.answers):
                hidden = x[i * len(stems) + stems.index(tuple(answer[:-1]))]
                # the token before the name predicts its first one
                read = hidden[length - 1 : length - 1 + len(answer)]
                vocabulary = self.gpt.logits(self.gpt.final_norm(read)).float()
                chosen = vocabulary.log_softmax(-1)[range(len(answer)), answer]
                logs[i, k, : len(answer)] = chosen
        return logs
