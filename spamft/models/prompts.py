"""A question, examples and a message -> tokens, in the form that the model expects.

    most models, in plain text            one tuned on dialogues, in ChatML

    Is this message ham or spam?          <|im_start|>system
                                          Is this message ham or spam?<|im_end|>
    Message: WIN a car, text CAR now      <|im_start|>user
    Answer: spam<|endoftext|>             WIN a car, text CAR now<|im_end|>
                                          <|im_start|>assistant
                                          spam<|im_end|>

The tokenizer knows which. Control tokens of the form are control tokens; the same words
in a message are text.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import tiktoken

from spamft.models.chat import CHATML, TURN_BEGIN, TURN_END
from spamft.models.vocabulary import BoundedEncoding
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.tokenizer import END_OF_TEXT

__all__ = [
    "PromptStyle",
    "describe_chat",
    "encode_answer",
    "encode_prompt",
    "end_of_answer",
    "instruction_for",
    "style_of",
]


class Control(str):
    """A piece of a prompt that is a token of its own and no text."""


class PromptStyle(NamedTuple):
    """The pieces of a prompt, with {} for what varies."""

    instruction: tuple[str, ...]
    message: tuple[str, ...]  # the last piece has the {}
    answer: tuple[str, ...]  # the last piece is the answer alone
    end: Control  # after an answer: what a model must say to stop
    after: tuple[str, ...]  # an answer, before the next message


PLAIN = PromptStyle(
    instruction=("{}\n\n",),
    message=("Message:", " {}"),
    answer=("\nAnswer:", " {}"),
    end=Control(END_OF_TEXT),
    after=("\n\n",),
)
BEGIN, END = Control(TURN_BEGIN), Control(TURN_END)
DIALOGUE = PromptStyle(
    instruction=(BEGIN, "system\n{}", END, "\n"),
    message=(BEGIN, "user\n{}"),
    answer=(END, "\n", BEGIN, "assistant\n", "{}"),
    end=END,
    after=(END, "\n"),
)


def style_of(tokenizer: tiktoken.Encoding) -> PromptStyle:
    """DIALOGUE for a model whose chat template is ChatML, PLAIN for all others."""
    return DIALOGUE if _chat(tokenizer) == CHATML else PLAIN


def describe_chat(tokenizer: tiktoken.Encoding) -> str:
    """What to say of a model's chat template: nothing, if it has none."""
    chat = _chat(tokenizer)
    if chat in (None, CHATML):
        return f", chat template {chat}" if chat else ""
    quoted = brief(repr(chat), 40)
    return f", chat template not known ({quoted}), so prompts are plain text"


def _chat(tokenizer: tiktoken.Encoding) -> str | None:
    known = isinstance(tokenizer, BoundedEncoding)
    return tokenizer.vocabulary.chat if known else None


def instruction_for(names: Sequence[str]) -> str:
    """The question that names every class.

    >>> instruction_for(("billing", "bug", "sales"))
    'Is this message billing, bug or sales?'
    """
    return f"Is this message {', '.join(names[:-1])} or {names[-1]}?"


def encode_prompt(
    tokenizer: tiktoken.Encoding,
    text: str,
    instruction: str,
    *,
    shots: Sequence[tuple[str, str]] = (),
    room: int | None = None,
) -> list[int]:
    """The tokens up to the answer; `shots` are (message, answer) examples before it.

    With `room`, the most tokens of a prompt, a message that is too long is cut at its
    end, so that the rest stays. Raises SpamftError if that alone does not fit.
    """
    style = style_of(tokenizer)
    *opening, message = style.message
    *asking, _ = style.answer
    pieces = _fill(style.instruction, instruction)
    for example, answer in shots:
        pieces += _fill(style.message, example) + _fill(style.answer, answer)
        pieces += style.after
    before, after = (_encode(tokenizer, p) for p in ([*pieces, *opening], asking))
    ids, least = (_encode(tokenizer, [message.format(t)]) for t in (text, "x"))
    if room is not None:
        left = room - len(before) - len(after)
        if left < len(least):
            raise SpamftError(
                f"instruction and examples take {len(before) + len(after)} tokens of "
                f"{room}: no room for the message"
            )
        ids = ids[:left]
    return before + ids + after


def encode_answer(tokenizer: tiktoken.Encoding, answer: str) -> list[int]:
    """The same tokens in training and in use, without the end."""
    return _encode(tokenizer, [style_of(tokenizer).answer[-1].format(answer)])


def end_of_answer(tokenizer: tiktoken.Encoding) -> int:
    """The token that ends an answer."""
    return tokenizer.encode_single_token(style_of(tokenizer).end)


def _fill(pieces: Iterable[str], text: str) -> list[str]:
    return [p if isinstance(p, Control) else p.format(text) for p in pieces]


def _encode(tokenizer: tiktoken.Encoding, pieces: Iterable[str]) -> list[int]:
    """Texts that stand beside each other are encoded as one: tokens may span them."""
    ids = []
    for control, some in groupby(pieces, lambda piece: isinstance(piece, Control)):
        if control:
            ids += [tokenizer.encode_single_token(piece) for piece in some]
        else:
            ids += tokenizer.encode_ordinary("".join(some))
    return ids
