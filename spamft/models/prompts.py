"""A question, examples and a message -> tokens, in the form that the model expects.

    most models, in plain text            one tuned on dialogues, in ChatML

                                          <|im_start|>user
    Is this message ham or spam?          Is this message ham or spam?

    Message: WIN a car, text CAR now      Message: WIN a car, text CAR now<|im_end|>
                                          <|im_start|>assistant
    Answer: spam<|endoftext|>             spam<|im_end|>

The tokenizer knows which. Control tokens of the form are control tokens; the same words
in a message are text.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import tiktoken

from spamft.models.chat import TURN_BEGIN, TURN_END, read_chatml
from spamft.models.normalizer import plain_of
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
    """The pieces of a prompt, with {question}, {text} and {answer} for what varies."""

    opening: tuple[str, ...]
    message: tuple[str, ...]  # its last piece has the {text}
    answer: tuple[str, ...]  # its last piece is the {answer} alone
    end: Control  # after an answer: what a model must say to stop
    after: tuple[str, ...]  # an answer, before the next message


PLAIN = PromptStyle(
    opening=("{question}\n\n",),
    message=("Message:", " {text}"),
    answer=("\nAnswer:", " {answer}"),
    end=Control(END_OF_TEXT),
    after=("\n\n",),
)
BEGIN, END = Control(TURN_BEGIN), Control(TURN_END)


def style_of(tokenizer: tiktoken.Encoding) -> PromptStyle:
    """That of dialogues for a model whose chat template is ChatML, else PLAIN."""
    template = _template(tokenizer)
    chatml = read_chatml(template) if template else None
    return _dialogue(chatml.system) if chatml else PLAIN


def _dialogue(system: str | None) -> PromptStyle:
    first = () if system is None else (BEGIN, f"system\n{system}", END, "\n")
    return PromptStyle(
        opening=first,
        message=(BEGIN, "user\n{question}\n\nMessage: {text}"),
        answer=(END, "\n", BEGIN, "assistant\n", "{answer}"),
        end=END,
        after=(END, "\n"),
    )


def describe_chat(tokenizer: tiktoken.Encoding) -> str:
    """What to say of a model's chat template: nothing, if it has none."""
    template = _template(tokenizer)
    if not template:
        return ""
    if read_chatml(template):
        return ", chat template ChatML"
    quoted = brief(repr(template), 40)
    return f", chat template not known ({quoted}), so prompts are plain text"


def _template(tokenizer: tiktoken.Encoding) -> str | None:
    plain = plain_of(tokenizer)
    return plain.vocabulary.chat if isinstance(plain, BoundedEncoding) else None


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
    *lead, message = style.message
    *asking, _ = style.answer
    pieces = _fill(style.opening, question=instruction)
    for example, answer in shots:
        pieces += _fill(style.message, question=instruction, text=example)
        pieces += [*_fill(style.answer, answer=answer), *style.after]
    before, after = (_encode(tokenizer, part) for part in ([*pieces, *lead], asking))
    ids, least = (
        _encode(tokenizer, _fill([message], question=instruction, text=each))
        for each in (text, "x")
    )
    if room is not None:
        taken = len(before) + len(least) + len(after)
        if taken > room:
            raise SpamftError(
                f"instruction and examples take {taken - 1} tokens of {room}: no room "
                "for the message"
            )
        ids = ids[: room - len(before) - len(after)]
    return before + ids + after


def encode_answer(tokenizer: tiktoken.Encoding, answer: str) -> list[int]:
    """The same tokens in training and in use, without the end."""
    return _encode(tokenizer, _fill(style_of(tokenizer).answer[-1:], answer=answer))


def end_of_answer(tokenizer: tiktoken.Encoding) -> int:
    """The token that ends an answer."""
    return tokenizer.encode_single_token(style_of(tokenizer).end)


def _fill(pieces: Iterable[str], **values: str) -> list[str]:
    return [p if isinstance(p, Control) else p.format(**values) for p in pieces]


def _encode(tokenizer: tiktoken.Encoding, pieces: Iterable[str]) -> list[int]:
    """Texts that stand beside each other are encoded as one: tokens may span them."""
    ids = []
    for control, some in groupby(pieces, lambda piece: isinstance(piece, Control)):
        if control:
            ids += [tokenizer.encode_single_token(piece) for piece in some]
        else:
            ids += tokenizer.encode_ordinary("".join(some))
    return ids
