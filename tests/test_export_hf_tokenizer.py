"""tiktoken is the oracle: tokenizers gives the same ids, whatever the text."""

import copy
import os
from pathlib import Path

import pytest
from finished_runs import FEW_BYTES
from hypothesis import given, settings
from hypothesis import strategies as st

from spamft.export.agreement import odd_texts
from spamft.export.hf_tokenizer import filler_of, hf_tokenizer, with_filler, with_limits
from spamft.models.normalizer import Normalizer, NormalizingEncoding
from spamft.models.vocabulary import Vocabulary
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_messages
from spamft.tokenizer import load_tokenizer

pytest.importorskip("tokenizers")
TINY = load_tokenizer("tiny")
NAMED = {"tiny": TINY, "few bytes": FEW_BYTES.encoding("few")}
THEIRS = {name: hf_tokenizer(encoding) for name, encoding in NAMED.items()}


def real(name: str):
    """GPT-2's vocabulary or SmolLM2's, if it is at hand."""
    if name == "gpt2" and "TIKTOKEN_CACHE_DIR" in os.environ:
        return load_tokenizer("gpt2")
    if name == "smollm2" and "REAL_SMOLLM2" in os.environ:
        from spamft.models.gguf import open_gguf

        return open_gguf(Path(os.environ["REAL_SMOLLM2"]))[1]
    pytest.skip(f"needs {name}'s vocabulary: see CONTRIBUTING.md")


def thousands() -> list[str]:
    """Messages, and messages with others' beginnings behind them."""
    texts = [
        t for name in ("sample", "intents") for t in open_messages(name).df["Text"]
    ]
    joined = [f"{a}\n {b[:40]}" for a, b in zip(texts, texts[::-1], strict=True)]
    return [*texts, *joined, *odd_texts(100)]


@pytest.mark.parametrize("name", ["tiny", "gpt2", "smollm2"])
def test_ids_are_equal_on_thousands_of_texts(name):
    encoding = TINY if name == "tiny" else real(name)
    texts = thousands()
    found = hf_tokenizer(encoding).encode_batch(texts)
    assert [each.ids for each in found] == encoding.encode_ordinary_batch(texts)


@pytest.mark.parametrize("name", NAMED)
@given(text=st.text() | st.text("aeiou \t\n'’sdt1½²Ⅷ٣日🎉<|endofx>"))
@settings(max_examples=200, deadline=None)
def test_ids_are_equal_whatever_the_text(name, text):
    assert THEIRS[name].encode(text).ids == NAMED[name].encode_ordinary(text)


def test_the_file_keeps_all_of_it():
    theirs = with_limits(copy.deepcopy(THEIRS["tiny"]), 5, TINY.eot_token)
    again = type(theirs).from_str(theirs.to_str())
    texts = [*thousands()[:50], *odd_texts(9)]
    wanted = [ids[:5] or [TINY.eot_token] for ids in TINY.encode_ordinary_batch(texts)]
    assert [each.ids for each in again.encode_batch(texts)] == wanted


@pytest.mark.parametrize("name", NAMED)
def test_behind_every_text_comes_a_filler_that_no_text_contains(name):
    encoding = NAMED[name]
    filler = filler_of(encoding, 300)
    assert filler.is_new == (name == "few bytes")
    theirs = with_filler(hf_tokenizer(encoding, filler), filler)
    for text in ("", "a\xff\x04", f"{filler.word} <|endoftext|>"):
        plain = encoding.encode_ordinary(text)
        assert theirs.encode(text).ids == [*plain, filler.number]
        assert filler.number not in plain


def test_texts_are_normalized_where_the_encoding_does_it():
    encoding = NormalizingEncoding(TINY, Normalizer({"\u0430": "a", "\u0415": "E"}))
    texts = ["FR\u0415\u0415 c\u0430r", "\uff26\u200bree", "\u200b", *odd_texts(50)]
    theirs = hf_tokenizer(encoding)
    found = [each.ids for each in theirs.encode_batch(texts)]
    assert found == encoding.encode_ordinary_batch(texts)
    assert found[0] == TINY.encode_ordinary("FREE car")


def test_what_has_no_merges_or_another_pattern_is_refused():
    ranks = {bytes([b]): b for b in range(256)} | {b"abc": 256}
    encoding = Vocabulary(ranks, {"<|endoftext|>": 257}, "gpt2").encoding("it")
    with pytest.raises(SpamftError, match="no two tokens make the token b'abc'"):
        hf_tokenizer(encoding)
    other = copy.copy(TINY)
    other._pat_str = "x"
    with pytest.raises(SpamftError, match="tiny cuts texts in an unknown way"):
        hf_tokenizer(other)
