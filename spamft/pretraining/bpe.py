"""Texts -> a byte-level BPE vocabulary."""

from collections.abc import Sequence
from pathlib import Path

from spamft.plumbing.errors import SpamftError
from spamft.pretraining.corpus import read_text
from spamft.tokenizer import PATTERN

__all__ = ["train_bpe"]


def train_bpe(texts: Sequence[Path], vocab_size: int) -> dict[bytes, int]:
    """Learn a byte-level BPE: token -> rank, for END_OF_TEXT to come after them.

    Needs the `tokenizers` library. Bytes come first, then the merges in order.
    """
    try:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
    except ImportError as error:
        raise SpamftError(
            "pretraining needs the tokenizers library: pip install 'spamft[pretrain]'"
        ) from error
    if not 257 <= vocab_size <= 65536:
        raise SpamftError(f"{vocab_size=} must lie in 257..65536: bytes, end, uint16")
    tokenizer = Tokenizer(models.BPE())
    # possessive quantifiers only make tiktoken faster; tokenizers does not know them
    pattern = Regex(PATTERN.replace("++", "+").replace("|\\s+$|", "|"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1, initial_alphabet=alphabet, show_progress=False
    )
    lines = (line for path in texts for line in read_text(path)[0].split("\n"))
    tokenizer.train_from_iterator(lines, trainer)
    byte_of = _byte_of_character()
    learned = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    tokens = [bytes(byte_of[c] for c in token) for token, _ in learned]
    merges = [token for token in tokens if len(token) > 1]
    ordered = [bytes([b]) for b in range(256)] + merges
    return {token: rank for rank, token in enumerate(ordered)}


def _byte_of_character() -> dict[str, int]:
    """The printable stand-ins that byte-level BPE files use -> the bytes they mean."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}
