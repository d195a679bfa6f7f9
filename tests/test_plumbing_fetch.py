import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from spamft.plumbing import fetch as module
from spamft.plumbing.fetch import DownloadError, Patience, estimate, fetch
from spamft.plumbing.files import sha256

CONTENT = bytes(range(256)) * 40
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Misbehaves as the first part of the path says."""

    asked: list[str]

    def do_GET(self):
        fault = self.path.split("/")[1]
        self.asked.append(fault)
        body = {
            "wrong": bytes(len(CONTENT)),
            "html": b"<html>moved</html>",
            "endless": CONTENT * 50,
            "short": CONTENT[:-1],
        }.get(fault, CONTENT)
        if fault == "stall":
            time.sleep(3)
            return
        if fault.isdecimal():
            self.send_error(int(fault))
            return
        if fault == "once" and self.asked.count("once") == 1:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "stallhalf":
            self.wfile.write(body[:5000])
            self.wfile.flush()
            time.sleep(3)
        elif fault == "cut":
            self.wfile.write(body[:5000])
        else:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(serve):
    """(address, the list of what was asked)."""
    handler = type("Handler", (Server,), {"asked": []})
    return serve(handler), handler.asked


@pytest.fixture
def get(tmp_path, monkeypatch):
    """Fetch with short time-outs and no waiting between tries."""
    monkeypatch.setattr("spamft.plumbing.fetch.time.sleep", lambda seconds: None)

    def call(*urls: str, **patience) -> Path:
        target = tmp_path / "folder" / "file.bin"
        fetch(
            urls,
            target,
            size=len(CONTENT),
            digest=DIGEST,
            remedy="by hand: do it",
            patience=Patience(**{"timeout": 0.5, **patience}),
            progress=False,
        )
        return target

    return call


def refused_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/x"


def test_a_good_address_gives_the_whole_file(server, get):
    path = get(server[0] + "/good")
    assert path.read_bytes() == CONTENT and sha256(path) == DIGEST
    assert list(path.parent.iterdir()) == [path]


KINDS = [
    "500",
    "404",
    "stall",
    "stallhalf",
    "cut",
    "wrong",
    "short",
    "html",
    "endless",
]


@pytest.mark.parametrize("fault", [*KINDS, "refused"])
def test_a_bad_first_address_leads_to_the_backup(server, get, fault):
    address, asked = server
    first = refused_port() if fault == "refused" else f"{address}/{fault}"
    assert get(first, address + "/good").read_bytes() == CONTENT
    assert asked[-1] == "good"


@pytest.mark.parametrize("fault", KINDS)
def test_when_all_fail_the_error_names_each_and_nothing_is_left(
    server, get, tmp_path, fault
):
    address = server[0]
    with pytest.raises(DownloadError) as error:
        get(f"{address}/{fault}", refused_port())
    message = str(error.value)
    assert f"{address}/{fault}\n" in message and "refused" in message
    assert message.endswith("by hand: do it")
    assert list(tmp_path.glob("folder/*")) == []


def test_a_failure_leaves_the_folder_as_it_was(server, tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"old")
    with pytest.raises(DownloadError):
        fetch(
            [server[0] + "/404"],
            target,
            size=len(CONTENT),
            digest=DIGEST,
            remedy="",
            progress=False,
        )
    assert [p.name for p in tmp_path.iterdir()] == ["file.bin"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(
    "fault, tries", [("500", 3), ("429", 3), ("404", 1), ("wrong", 1)]
)
def test_only_what_a_retry_can_correct_is_tried_again(server, get, fault, tries):
    with pytest.raises(DownloadError):
        get(f"{server[0]}/{fault}")
    assert server[1] == [fault] * tries


def test_a_second_try_can_succeed(server, get):
    assert get(server[0] + "/once").exists()
    assert server[1] == ["once", "once"]


def test_a_sender_of_drops_is_not_waited_for(serve, get):
    class Drops(Server):
        asked: list[str] = []

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            while not stop.wait(0.1):
                self.wfile.write(b"x")

    stop = threading.Event()
    with pytest.raises(DownloadError, match="not complete after 0.5 seconds: too slow"):
        get(serve(Drops) + "/x", deadline=0.5)
    stop.set()


def test_a_hanging_name_look_up_is_not_waited_for(get, monkeypatch):
    hang = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: hang.wait(20))
    began = time.perf_counter()
    with pytest.raises(DownloadError, match="no answer in 0.2 seconds"):
        get("http://nowhere.example/x", timeout=0.2, retries=0)
    assert time.perf_counter() - began < 5
    hang.set()


@pytest.mark.parametrize(
    "fault, answer", [("good", True), ("404", False), ("500", False), ("stall", False)]
)
def test_an_estimate_asks_once_and_not_for_long(server, fault, answer):
    found = estimate(f"{server[0]}/{fault}", timeout=0.3, enough=9)
    assert (found is not None) is answer and server[1] == [fault]
    assert estimate(refused_port(), timeout=0.3, enough=9) is None


@pytest.mark.parametrize(
    "pause, least, most", [(0, 0, 3), (0.1, 30, 300), (9, 1e4, 1e9)]
)
def test_an_estimate_tells_by_the_first_seconds_how_long_the_whole_takes(
    serve, monkeypatch, pause, least, most
):
    """1,000 pieces: at 0.1 seconds each they take 100 seconds."""

    class Paced(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            while not stop.wait(pause):
                self.wfile.write(bytes(1000))

    stop = threading.Event()
    monkeypatch.setattr(module, "LOOK", 0.6)
    began = time.monotonic()
    found = estimate(serve(Paced) + "/x", timeout=2, enough=60)
    stop.set()
    assert time.monotonic() - began < 3
    assert found.size == 1_000_000 and least <= found.seconds <= most


KILLED = """
import sys
from pathlib import Path
from spamft.plumbing.fetch import fetch
fetch([sys.argv[1]], Path(sys.argv[2]), size={size}, digest="{digest}", remedy="")
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is Unix's")
def test_killed_in_the_middle_then_whole(server, get, tmp_path):
    target = tmp_path / "folder" / "file.bin"
    script = KILLED.format(size=len(CONTENT), digest=DIGEST)
    process = subprocess.Popen(
        [sys.executable, "-c", script, server[0] + "/stallhalf", str(target)],
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while (
        not list(tmp_path.glob("folder/.*.unfinished")) and time.monotonic() < deadline
    ):
        time.sleep(0.01)
    assert list(tmp_path.glob("folder/.*.unfinished"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    path = get(server[0] + "/good")
    assert path == target and list(target.parent.iterdir()) == [target]
