"""A vocabulary of byte pairs <-> JSON, Hugging Face's files, a tiktoken.Encoding.

Where merges ascend with the ids, as in GPT-2's and SmolLM2's, ids are ranks, and that
is all that tiktoken needs to give the same ids. Others are refused.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tiktoken

from spamft.models.chat import TURN_BEGIN, TURN_END, read_chatml
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_json
from spamft.tokenizer import END_OF_TEXT, PATTERN

__all__ = ["PATTERNS", "BoundedEncoding", "Vocabulary", "bytes_of", "letters_of"]

# How a text is cut into pieces that merges never cross, by a model that does it so
PATTERNS = {
    "gpt2": PATTERN,
    # every digit is a piece of its own
    "smollm": (
        r"\p{Nd}|'(?:s|t|re|ve|m|ll|d)| ?\p{L}+| ?[\p{Nl}\p{No}]+| ?[^\s\p{L}\p{N}]+"
        r"|\s+(?!\S)|\s+"
    ),
}
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False}
_DIGITS = {"type": "Digits", "individual_digits": True}


class BoundedEncoding(tiktoken.Encoding):
    """Gives the end's id for the few bytes that have no token of their own.

    tiktoken needs a rank for every byte, so theirs lie above the vocabulary.
    """

    def __init__(self, name: str, vocabulary: "Vocabulary"):
        ranks, above = dict(vocabulary.ranks), vocabulary.size
        for byte in map(bytes, ([b] for b in range(256))):
            if byte not in ranks:
                ranks[byte], above = above, above + 1
        super().__init__(
            name,
            pat_str=PATTERNS[vocabulary.pattern],
            mergeable_ranks=ranks,
            special_tokens=vocabulary.special,
        )
        self.vocabulary = vocabulary

    n_vocab = property(lambda self: self.vocabulary.size)

    def encode_ordinary(self, text: str) -> list[int]:
        """Token ids below `n_vocab`; special tokens inside the text are text."""
        size, end = self.vocabulary.size, self.eot_token
        return [i if i < size else end for i in super().encode_ordinary(text)]


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by id: ordinary ones as bytes, special ones as words; how prompts look.

    Raises SpamftError unless the ids are 0, 1, 2 ... and one is END_OF_TEXT's, as are
    those that its chat template needs.
    """

    ranks: dict[bytes, int]
    special: dict[str, int]
    pattern: str  # a key of PATTERNS
    chat: str | None = None  # the model's chat template, in Jinja

    def __post_init__(self):
        if self.pattern not in PATTERNS:
            raise SpamftError(f"unknown pattern {brief(repr(self.pattern))}")
        if not isinstance(self.chat, str | None):
            raise SpamftError(f"a chat template is text, not {brief(repr(self.chat))}")
        is_chatml = self.chat is not None and read_chatml(self.chat)
        for token in (END_OF_TEXT, *((TURN_BEGIN, TURN_END) if is_chatml else ())):
            if token not in self.special:
                raise SpamftError(f"the vocabulary has no {token}")
        ids = sorted([*self.ranks.values(), *self.special.values()])
        if any(type(number) is not int for number in ids) or ids != [*range(len(ids))]:
            raise SpamftError("the vocabulary's ids must be 0, 1, 2 ... without a gap")

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return len(self.ranks) + len(self.special)

    def encoding(self, name: str) -> BoundedEncoding:
        """What encodes with it."""
        return BoundedEncoding(name, self)

    def to_dict(self) -> dict:
        """All of it, for JSON; `from_dict` reads it."""
        tokens = sorted(self.ranks.items(), key=lambda pair: pair[1])
        words = {base64.b64encode(token).decode(): rank for token, rank in tokens}
        other = {"pattern": self.pattern, "chat": self.chat, "special": self.special}
        return other | {"ranks": words}

    @classmethod
    def from_dict(cls, entries: dict) -> "Vocabulary":
        """The exact inverse of `to_dict`. Raises SpamftError."""
        try:
            words = entries["ranks"].items()
            ranks = {base64.b64decode(word, validate=True): n for word, n in words}
            special, pattern = dict(entries["special"]), entries["pattern"]
            return cls(ranks, special, pattern, entries.get("chat"))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, SpamftError):
                raise
            raise SpamftError(f"no vocabulary: {brief(repr(error))}") from error

    @classmethod
    def from_tokenizer_json(cls, path: Path) -> "Vocabulary":
        """From Hugging Face's file. Raises SpamftError for another kind of it."""
        entries = read_json(path)
        try:
            model, special = entries["model"], {}
            for each in entries["added_tokens"]:
                special[each["content"]] = each["id"]
            pattern = _pattern_of(entries["pre_tokenizer"])
            if model["type"] != "BPE" or entries.get("normalizer") or pattern is None:
                raise SpamftError("no byte-level BPE as GPT-2's or SmolLM2's")
            words = {w: n for w, n in model["vocab"].items() if w not in special}
            _check_merges(model["merges"], model["vocab"])
            return cls({bytes_of(w): n for w, n in words.items()}, special, pattern)
        except (KeyError, TypeError, AttributeError) as error:
            raise SpamftError(f"{path}: no tokenizer: {brief(repr(error))}") from error
        except SpamftError as error:
            raise SpamftError(f"{path}: {brief(error)}") from error


def bytes_of(word: str) -> bytes:
    """The bytes of a token in GPT-2's letters, one for each byte.

    Raises SpamftError for a letter that stands for none.
    """
    try:
        return bytes(_BYTE_OF[letter] for letter in word)
    except KeyError as error:
        raise SpamftError(f"{brief(repr(word))} is no token of bytes") from error


def letters_of(token: bytes) -> str:
    """What `bytes_of` was given."""
    return "".join(_LETTER_OF[byte] for byte in token)


def _letters() -> dict[str, int]:
    """GPT-2's letter for each byte: itself if it can be seen, else one from 256 on."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in seen]
    letters = {chr(byte): byte for byte in seen}
    return letters | {chr(256 + place): byte for place, byte in enumerate(rest)}


_BYTE_OF = _letters()
_LETTER_OF = {byte: letter for letter, byte in _BYTE_OF.items()}


def _pattern_of(entries: Any) -> str | None:
    """The key in PATTERNS of what cuts a text here."""
    parts = entries["pretokenizers"] if entries["type"] == "Sequence" else [entries]
    kept = [
        {k: v for k, v in p.items() if k in (*_BYTE_LEVEL, *_DIGITS)} for p in parts
    ]
    if any(p.get("use_regex") is False for p in parts):
        return None
    if kept == [_BYTE_LEVEL]:
        return "gpt2"
    return "smollm" if kept == [_DIGITS, _BYTE_LEVEL] else None


def _check_merges(merges: list, ids: dict[str, int]) -> None:
    """Raise SpamftError unless later merges give higher ids."""
    pairs = (each.split(" ") if isinstance(each, str) else each for each in merges)
    made = [ids["".join(pair)] for pair in pairs]
    if made != sorted(made):
        raise SpamftError("its merges do not ascend with the ids")
