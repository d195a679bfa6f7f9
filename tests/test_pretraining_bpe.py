import pytest

from spamft.pretraining.bpe import train_bpe
from spamft.tokenizer import open_bpe, save_bpe

pytest.importorskip("tokenizers")


def test_the_vocabulary_holds_all_bytes_and_what_is_frequent(texts, tmp_path):
    ranks = train_bpe(texts, 300)
    assert sorted(ranks.values()) == list(range(299))  # the end token is the 300th
    assert all(bytes([b]) in ranks for b in range(256))
    assert b" the" in ranks
    save_bpe(ranks, tmp_path / "v.tiktoken")
    encoding = open_bpe(tmp_path / "v.tiktoken", "v")
    for text in (texts[1].read_text(), "不在 training\x00\r\n", ""):
        assert encoding.decode(encoding.encode_ordinary(text)) == text


def test_an_impossible_vocabulary_is_refused(texts):
    with pytest.raises(ValueError, match="must lie in 257..65536"):
        train_bpe(texts, 100)
