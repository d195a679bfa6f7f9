"""A tokenizer -> the same in Hugging Face's `tokenizers`, which tokenizer.json keeps.

    hf_tokenizer(encoding)        gives the same ids for every text
    with_limits(made, ...)        also cuts, and gives an empty text its end token
    with_filler(made, filler)     puts behind every text what fills up a batch

tiktoken merges by rank alone; a tokenizer.json lists which two tokens each one is made
of. That is found by merging its bytes with the ranks below its own: two parts remain.
"""

from typing import Any, NamedTuple

import tiktoken

from spamft.export.hf_normalizer import hf_normalizer
from spamft.models.normalizer import normalizer_of, plain_of
from spamft.models.vocabulary import PATTERNS, BoundedEncoding, letters_of
from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.extras import needed
from spamft.tokenizer import END_OF_TEXT

__all__ = ["Filler", "filler_of", "hf_tokenizer", "with_filler", "with_limits"]

FILLER = "<|padding|>"  # the name of one that is new
NO_RANK = 2**62


class Filler(NamedTuple):
    """The token that fills up a batch, which no text may contain."""

    word: str
    number: int
    is_new: bool  # the model has no vector for it yet


def filler_of(encoding: tiktoken.Encoding, vocab_size: int) -> Filler:
    """The end token; a new one after `vocab_size` tokens, where texts may contain that.

    They may if some byte has no token, for then the end stands for it.
    """
    if _has_every_byte(encoding):
        return Filler(END_OF_TEXT, encoding.eot_token, False)
    return Filler(FILLER, vocab_size, True)


def hf_tokenizer(encoding: tiktoken.Encoding, filler: Filler | None = None) -> Any:
    """A tokenizers.Tokenizer that gives the ids of `encoding`.

    Special tokens inside a text are text, as in spamft; a `filler` is one more. Needs
    `tokenizers`. Raises SpamftError for a vocabulary that is no byte-level BPE as
    GPT-2's or SmolLM2's.
    """
    tokenizers = needed("tokenizers", "to write tokenizer.json", "export")
    ranks, special = _tokens(encoding)
    # special tokens are words of the model that no merge makes: no text gives them
    words = {letters_of(token): rank for token, rank in ranks.items()} | special
    words |= {filler.word: filler.number} if filler else {}
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            words,
            [tuple(map(letters_of, pair)) for pair in _merges(ranks)],
            unk_token=None if _has_every_byte(encoding) else END_OF_TEXT,
        )
    )
    if normalizer := normalizer_of(encoding):
        made.normalizer = hf_normalizer(normalizer)
    made.pre_tokenizer = _pre_tokenizer(tokenizers, encoding)
    made.decoder = tokenizers.decoders.ByteLevel()
    return made


def with_limits(made: Any, most: int, end: int) -> Any:
    """Change a tokenizer to cut after `most` tokens and give an empty text the end."""
    made.enable_truncation(most)
    made.enable_padding(length=1, pad_id=end, pad_token=END_OF_TEXT)
    return made


def with_filler(made: Any, filler: Filler) -> Any:
    """Change a tokenizer to put the filler behind every text, as transformers calls it.

    Their classifiers read the last token before it, so it changes nothing, but gives an
    empty text a token: without one they fail.
    """
    processors = needed("tokenizers", "to write tokenizer.json", "export").processors
    made.post_processor = processors.TemplateProcessing(
        single=f"$A {filler.word}", special_tokens=[(filler.word, filler.number)]
    )
    return made


def _tokens(encoding: tiktoken.Encoding) -> tuple[dict[bytes, int], dict[str, int]]:
    """Ordinary tokens as bytes, and special ones as words, with their ids."""
    encoding = plain_of(encoding)
    if isinstance(encoding, BoundedEncoding):
        return encoding.vocabulary.ranks, encoding.vocabulary.special
    return encoding._mergeable_ranks, encoding._special_tokens


def _has_every_byte(encoding: tiktoken.Encoding) -> bool:
    return all(bytes([byte]) in _tokens(encoding)[0] for byte in range(256))


def _merges(ranks: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """The two parts of each token of several bytes, by rank."""
    pairs = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            parts = _parts(token, rank, ranks)
            if len(parts) != 2:
                raise SpamftError(f"no two tokens make the token {brief(repr(token))}")
            pairs.append(tuple(parts))
    return pairs


def _parts(token: bytes, below: int, ranks: dict[bytes, int]) -> list[bytes]:
    """What merging by rank leaves of a token's bytes without the ranks from `below`."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 1:
        made = [ranks.get(a + b, NO_RANK) for a, b in zip(parts, parts[1:])]  # noqa: B905
        lowest = min(made)
        if lowest >= below:
            break
        at = made.index(lowest)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def _pre_tokenizer(tokenizers: Any, encoding: tiktoken.Encoding) -> Any:
    """How a text is cut into pieces that merges never cross."""
    pre = tokenizers.pre_tokenizers
    if encoding._pat_str == PATTERNS["gpt2"]:  # which theirs has of its own
        return pre.ByteLevel(add_prefix_space=False)
    if encoding._pat_str == PATTERNS["smollm"]:
        pattern = tokenizers.Regex(PATTERNS["smollm"])
        cut = pre.Split(pattern, behavior="isolated")
        letters = pre.ByteLevel(add_prefix_space=False, use_regex=False)
        return pre.Sequence([cut, letters])
    raise SpamftError(f"the tokenizer {encoding.name} cuts texts in an unknown way")
