import hashlib
import os
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spamft import tokenizer as module
from spamft.plumbing.fetch import DownloadError
from spamft.tokenizer import load_tokenizer, open_bpe, save_bpe

SHARED = Path(__file__).parents[2] / "shared/data/tiktoken_cache"
REAL = Path(os.environ.get("TIKTOKEN_CACHE_DIR") or SHARED)
NAMES = [hashlib.sha1(file.url.encode()).hexdigest() for file in module.GPT2_FILES]
needs_gpt2 = pytest.mark.skipif(
    not all((REAL / name).exists() for name in NAMES),
    reason="needs GPT-2's vocabulary: set TIKTOKEN_CACHE_DIR to a folder that has it",
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty tiktoken cache, an empty hub cache, and a forgetful tiktoken."""
    import tiktoken.registry
    from huggingface_hub import constants

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(tiktoken.registry, "ENCODINGS", {})
    return tmp_path / "cache"


@pytest.fixture
def addresses(serve, monkeypatch):
    """Both addresses on a loopback; call it with what each file's name gives."""

    def start(openai: dict[str, bytes], hub: dict[str, bytes]) -> list[str]:
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                files = openai if self.path.startswith("/openai") else hub
                body = files.get(self.path.rsplit("/", 1)[-1])
                self.send_response(404 if body is None else 200)
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        address = serve(Handler)
        files = [
            file._replace(url=f"{address}/openai/{Path(file.url).name}")
            for file in module.GPT2_FILES
        ]
        monkeypatch.setattr(module, "GPT2_FILES", files)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/hub/{repo_id}/resolve/{revision}/{filename}",
        )
        return asked

    return start


@needs_gpt2
def test_gpt2_opens_from_the_cache_and_counts_50257_tokens(cache):
    cache.mkdir()
    for name in NAMES:
        (cache / name).write_bytes((REAL / name).read_bytes())
    gpt2 = load_tokenizer("gpt2")
    assert (gpt2.n_vocab, gpt2.eot_token) == (50257, 50256)
    assert gpt2.encode_ordinary("Hello world") == [15496, 995]


@needs_gpt2
def test_gpt2_comes_from_the_hub_when_openais_address_fails(
    cache, addresses, monkeypatch
):
    vocabulary, encoder = ((REAL / name).read_bytes() for name in NAMES)
    asked = addresses({}, {"merges.txt": vocabulary, "vocab.json": encoder})
    seen = []
    monkeypatch.setattr("tiktoken.get_encoding", seen.append)
    load_tokenizer("gpt2")
    assert [path.split("/")[1] for path in asked] == ["openai", "hub"] * 2
    assert seen == ["gpt2"] and len(list(cache.iterdir())) == 2


def test_wrong_bytes_are_not_taken_for_the_vocabulary(cache, addresses):
    wrong = {"vocab.bpe": bytes(456_318), "merges.txt": b"<html>"}
    addresses(wrong, wrong)
    with pytest.raises(DownloadError, match="wrong SHA-256") as error:
        load_tokenizer("gpt2")
    assert "or set TIKTOKEN_CACHE_DIR to a folder" in str(error.value)
    assert list(cache.iterdir()) == []


def test_with_no_network_and_no_cache_the_error_comes_within_10_seconds(
    cache, monkeypatch
):
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: time.sleep(30))
    began = time.perf_counter()
    with pytest.raises(DownloadError, match="no answer in 2 seconds"):
        load_tokenizer("gpt2")
    assert time.perf_counter() - began < 10


def test_offline_mode_asks_nobody(cache, addresses, monkeypatch):
    asked = addresses({}, {})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="by hand: save"):
        load_tokenizer("gpt2")
    assert asked == []


def test_a_forbidden_cache_is_named(monkeypatch):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    with pytest.raises(DownloadError, match="TIKTOKEN_CACHE_DIR is empty"):
        load_tokenizer("gpt2")


def test_an_unknown_tokenizer_is_refused():
    with pytest.raises(ValueError, match="unknown tokenizer 'gpt5': expected gpt2, ti"):
        load_tokenizer("gpt5")


def test_a_folder_with_a_vocabulary_is_a_tokenizer(tmp_path):
    save_bpe({bytes([b]): b for b in range(256)}, tmp_path / "vocabulary.tiktoken")
    assert load_tokenizer(tmp_path).n_vocab == 257


def test_tiny_opens_with_no_network_and_keeps_any_text():
    tiny = load_tokenizer("tiny")
    assert (tiny.name, tiny.n_vocab, tiny.eot_token) == ("tiny", 4096, 4095)
    for text in ("free entry! 免费 ünï 👍\r\n\x00", "", "<|endoftext|>"):
        assert tiny.decode(tiny.encode_ordinary(text)) == text


@pytest.fixture(scope="module")
def small_bpe(tmp_path_factory):
    ranks = {bytes([b]): b for b in range(256)} | {b" a": 256, b"th": 257, b"the": 258}
    path = tmp_path_factory.mktemp("bpe") / "small.tiktoken"
    save_bpe(ranks, path)
    return open_bpe(path, "small")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_round_trip_is_exact_on_any_text(small_bpe, text):
    assert small_bpe.decode(small_bpe.encode_ordinary(text)) == text


def test_merges_are_used_and_the_end_token_is_last(small_bpe):
    assert small_bpe.encode_ordinary("the a") == [258, 256]
    assert (small_bpe.eot_token, small_bpe.n_vocab) == (259, 260)


def test_a_broken_vocabulary_file_is_named_with_its_line(tmp_path):
    path = tmp_path / "broken.tiktoken"
    path.write_text("YQ== 0\nnot a line\n")
    with pytest.raises(ValueError, match=r"broken.tiktoken:2: expected `base64 rank`"):
        open_bpe(path, "broken")
    for gap in ("YQ== 0\nYg== 2\n", "YQ== 0\nYQ== 1\n"):
        path.write_text(gap)
        with pytest.raises(ValueError, match=r"broken.tiktoken:2: expected rank 1"):
            open_bpe(path, "broken")
