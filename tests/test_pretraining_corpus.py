import pytest

from spamft.pretraining.corpus import Corpus, read_text


def test_the_held_out_tail_is_never_trained_on(texts, tmp_path, tokenizer):
    texts[0].write_text("a\n" * 5000 + "z\n" * 25)
    corpus = Corpus(texts[:1], tokenizer)
    assert "z" in corpus.held_out_text and ord("z") not in corpus.train
    assert ord("z") in corpus.held_out


def test_an_end_line_becomes_the_end_token(texts, tokenizer):
    corpus = Corpus(texts[1:], tokenizer)
    assert (corpus.train == 256).sum() >= 190
    assert b"<|endoftext|>" not in bytes(corpus.train[corpus.train < 256].tolist())


def test_a_text_listed_twice_is_sampled_twice_as_often(texts, tokenizer):
    one, two = (len(Corpus([path], tokenizer).train) for path in texts)
    assert len(Corpus([texts[0], *texts], tokenizer).train) == 2 * one + two


def test_a_step_always_draws_the_same_windows(texts, tokenizer):
    corpus = Corpus(texts, tokenizer)
    first, again, other = (corpus.windows(step, 3, 8, 1) for step in (5, 5, 6))
    assert first.shape == (3, 9) and first.equal(again) and not first.equal(other)


def test_a_text_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("é".encode("latin-1"))
    with pytest.raises(ValueError, match="latin.txt: not UTF-8"):
        read_text(path)
