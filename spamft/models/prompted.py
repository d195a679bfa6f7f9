"""A GPT that classifies by answering a prompt: no head, its own words.

    Is this message ham or spam?            the instruction, and perhaps examples

    Message: WIN a car, text CAR now        the input
    Answer:                                 which name is likeliest here?

The prompts are those of models/prompts.py.
Shapes: B batch, T tokens, N prompts, K names.
"""

from collections.abc import Sequence

import tiktoken
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from spamft.gpt import check_causal
from spamft.models.backbone import Backbone
from spamft.models.prompts import encode_prompt, instruction_for

__all__ = ["NextToken", "PromptClassifier"]


class NextToken(nn.Module):
    """A language model as a thing to train: its logits for the token after each."""

    def __init__(self, gpt: Backbone):
        super().__init__()
        check_causal(gpt.config, "learning the next token")
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
        check_causal(gpt.config, "classifying by a prompt")
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
