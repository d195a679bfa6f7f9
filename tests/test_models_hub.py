import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from spamft.gpt import GPT, GPTConfig
from spamft.models.hub import download_weights, expected_download
from spamft.plumbing.fetch import DownloadError, Patience
from spamft.pretrained import PUBLISHED, load_gpt2, save_gpt2
from spamft.sources import models, open_model
from spamft.tokenizer import load_tokenizer

TINY = GPTConfig(vocab_size=99, context_length=12, emb_dim=16, n_layers=2, n_heads=2)


@pytest.fixture
def folder(tmp_path):
    save_gpt2(GPT(TINY), tmp_path / "model")
    return tmp_path / "model"


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as huggingface_hub asks for."""

    files: dict[str, bytes]

    def do_GET(self):
        name = self.path.rsplit("/", 1)[-1]
        if name not in self.files:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.files[name])))
        self.send_header("ETag", f'"{name}"')
        self.send_header("X-Repo-Commit", self.path.split("/")[-2])
        self.end_headers()
        if self.command == "GET":
            self.send_body(self.files[name])

    def send_body(self, body: bytes):
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(serve, monkeypatch, tmp_path):
    """A hub on the loopback and an empty cache; call it with the files it has."""
    from huggingface_hub import constants

    def start(kind=Hub, **files: bytes):
        address = serve(type("H", (kind,), {"files": files}))
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    return start


def published_tiny(monkeypatch, sha256=None):
    published = PUBLISHED["gpt2"]._replace(config=TINY, sha256=sha256)
    monkeypatch.setitem(PUBLISHED, "gpt2", published)


def test_a_name_comes_from_the_hub_and_then_from_its_cache(hub, folder, monkeypatch):
    published_tiny(monkeypatch)
    files = {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}
    hub(**files)
    first = load_gpt2("gpt2").state_dict()
    assert all(t.equal(first[n]) for n, t in load_gpt2(folder).state_dict().items())
    hub()  # now the hub has nothing: the cache has
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    load_gpt2("gpt2")


def test_a_download_with_a_wrong_hash_is_refused(hub, folder, monkeypatch):
    published_tiny(monkeypatch, sha256="f" * 64)
    hub(**{p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()})
    for _ in range(2):  # nor is it taken from the cache the next time
        with pytest.raises(DownloadError, match="expected f{64}; it is deleted"):
            load_gpt2("gpt2")


def test_a_hub_without_the_model_says_how_to_get_it_by_hand(hub):
    hub()
    with pytest.raises(DownloadError, match="by hand: put config.json and model"):
        load_gpt2("gpt2")


def test_a_hub_that_sends_drops_is_given_up_in_time(hub):
    stop = threading.Event()

    class Drops(Hub):
        def send_body(self, body: bytes):
            for number in range(len(body)):
                if not stop.wait(0.05):
                    self.wfile.write(body[number : number + 1])

    hub(Drops, **{"config.json": bytes(9999), "model.safetensors": b""})
    began = time.monotonic()
    with pytest.raises(DownloadError, match="after 0.7 seconds: too slow") as error:
        download_weights("a/b", "main", None, 9999, Patience(deadline=0.7))
    assert time.monotonic() - began < 5
    assert "stays in the hub's cache\nby hand: put config" in str(error.value)
    stop.set()


def test_what_comes_after_we_gave_up_is_checked_all_the_same(hub):
    go = threading.Event()

    class Late(Hub):
        def send_body(self, body: bytes):
            go.wait(20)
            self.wfile.write(body)

    hub(Late, **{"config.json": b"{}", "model.safetensors": b"not the real one"})
    where = ("a/b", "main", "f" * 64, 16)
    before = set(threading.enumerate())
    with pytest.raises(DownloadError, match="too slow"):
        download_weights(*where, Patience(deadline=0.3))
    go.set()
    for thread in set(threading.enumerate()) - before:
        if thread.name == "in_time":
            thread.join(20)
    with pytest.raises(DownloadError, match="expected f{64}; it is deleted"):
        download_weights(*where)


def test_what_is_still_to_come_is_nothing_of_cached_ones(hub, folder, monkeypatch):
    published_tiny(monkeypatch)
    where = ("openai-community/gpt2", PUBLISHED["gpt2"].revision, 1.0, 60.0)
    hub()
    assert expected_download(*where) is None
    hub(**{p.name: p.read_bytes() for p in folder.iterdir()})
    size = (folder / "model.safetensors").stat().st_size
    assert expected_download(*where).size == size
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert expected_download(*where) is None
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    load_gpt2("gpt2")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert expected_download(*where) == (0, 0.0)


def paced(pause: float, stop: threading.Event) -> type[Hub]:
    """A hub that sends weights in ten pieces, so many seconds apart."""

    class Paced(Hub):
        def send_body(self, body: bytes):
            size = -(-len(body) // 10)
            slow = self.path.endswith("safetensors")
            for start in range(0, len(body), size):
                if slow and stop.wait(pause):
                    return
                self.wfile.write(body[start : start + size])

    return Paced


@pytest.mark.parametrize(
    "pause, taken, said",
    [
        (0, "gpt2", "gpt2"),
        (0.05, "gpt2", "gpt2"),
        (0.4, "tiny", 'minutes here; "gpt2" by name downloads it however long'),
        (60, "tiny", 'would take hours here; "gpt2" by name downloads it however'),
    ],
)
def test_with_a_choice_a_slow_hub_is_no_worse_than_none(
    hub, folder, monkeypatch, capsys, pause, taken, said
):
    """Here a download may take 2 seconds, instead of 5 minutes."""
    published_tiny(monkeypatch)
    tokenizer = load_tokenizer("tiny")
    monkeypatch.setattr(models, "load_tokenizer", lambda name: tokenizer)
    monkeypatch.setattr(models, "WITH_A_CHOICE", 2.0)
    monkeypatch.setattr("spamft.plumbing.fetch.LOOK", 0.9)
    monkeypatch.setattr("spamft.models.hub.LARGE", 0)
    stop, began = threading.Event(), time.monotonic()
    hub(paced(pause, stop), **{p.name: p.read_bytes() for p in folder.iterdir()})
    model = open_model("gpt")
    stop.set()
    assert time.monotonic() - began < 9
    assert model.name == taken and said in model.source
    announced = "downloading openai-community/gpt2, " in capsys.readouterr().err
    assert announced is (taken == "gpt2"), "nothing is begun, so nothing is announced"


def test_a_hub_that_becomes_slow_is_given_up_for_the_bundled_model(
    hub, folder, monkeypatch
):
    stop = threading.Event()

    class Falters(Hub):
        def send_body(self, body: bytes):
            self.wfile.write(body[: len(body) // 2])
            if self.path.endswith("safetensors"):
                stop.wait(60)
            self.wfile.write(body[len(body) // 2 :])

    published_tiny(monkeypatch)
    monkeypatch.setattr(models, "WITH_A_CHOICE", 2.0)
    monkeypatch.setattr("spamft.plumbing.fetch.LOOK", 0.5)
    hub(Falters, **{p.name: p.read_bytes() for p in folder.iterdir()})
    began = time.monotonic()
    model = open_model("gpt")
    stop.set()
    assert time.monotonic() - began < 9
    assert model.name == "tiny" and "failed or was too slow" in model.source
