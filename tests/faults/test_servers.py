"""Whatever a server does: the right file, or one error that names address and reason.

And never for longer than the time-outs allow, with nothing left in the folder.
"""

import gzip
import hashlib
import queue
import random
import socket
import struct
import threading
import time
import tracemalloc
import zlib
from pathlib import Path
from socketserver import BaseRequestHandler

import pytest

from spamft.plumbing.display import visible
from spamft.plumbing.fetch import DownloadError, Patience, fetch

CONTENT = random.Random(0).randbytes(20_000)
OTHER = random.Random(1).randbytes(20_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
PATIENCE = Patience(timeout=0.4, retries=1, deadline=0.8)
UNHURRIED = Patience(timeout=5, retries=1, deadline=10)  # where nothing is waited for
LONGEST = 9.0  # seconds: two tries, each of a time-out and a deadline, and much room
MOST = 10_000_000  # bytes of memory


def answer(body: bytes = CONTENT, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def sized(
    body: bytes = CONTENT, *headers: str, length: object = None, status: str = "200 OK"
) -> bytes:
    """An answer with a Content-Length, the true one if no other is given."""
    claimed = len(body) if length is None else length
    return answer(body, f"Content-Length: {claimed}", *headers, status=status)


def encoded(kind: str, body: bytes) -> bytes:
    return sized(body, f"Content-Encoding: {kind}")


def chunked(body: bytes) -> bytes:
    return answer(body, "Transfer-Encoding: chunked")


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def redirect(place: str, body: bytes = b"", status: str = "302 Found") -> bytes:
    return answer(body, f"Location: {place}", status=status)


START = b"HTTP/1.1 200 OK\r\n"
PACKED = gzip.compress(CONTENT)
GZIPPED = START + b"Content-Encoding: gzip\r\n\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
STATUSES = [400, 401, 403, 404, 407, 408, 410, 416, 418, 429, 451]
STATUSES += [500, 502, 503, 504, 507, 599, 999]

# name -> all that the server sends before it closes the connection
GOOD = {
    "plain": sized(),
    "no length": answer(),
    "length not a number": sized(length="many"),
    "length negative": sized(length=-5),
    "length of 5000 digits": sized(length="9" * 5000),
    "chunked": chunked(chunk(CONTENT[:7]) + chunk(CONTENT[7:]) + b"0\r\n\r\n"),
    "two answers in a row": sized() + sized(),
    "gzip": encoded("gzip", PACKED),
    "gzip, then more": encoded("gzip", PACKED + OTHER),
    "deflate": encoded("deflate", zlib.compress(CONTENT)),
    "header not ASCII": sized(CONTENT, "X-Name: \u00fc\u4e00\U0001f44d"),
    "redirect": redirect("/plain", OTHER),
    "redirect by 308": redirect("plain", status="308 Permanent Redirect"),
    "header without a colon": START + b"what is this\r\n\r\n" + CONTENT,
}
BAD = {
    **{str(code): sized(b"no", status=f"{code} So") for code in STATUSES},
    "html": sized(b"<html>moved</html>", "Content-Type: text/html"),
    "empty": sized(b""),
    "nothing at all": b"",
    "short": sized(CONTENT[:-1]),
    "long": sized(CONTENT + b"x"),
    "wrong content": sized(OTHER),
    "cut": sized(CONTENT[:5000], length=len(CONTENT)),
    "length too small": sized(length=100),
    "length too large": sized(length=len(CONTENT) + 1),
    "length huge": sized(length=1 << 80),
    "two lengths": sized(OTHER, "Content-Length: 3"),
    "chunks are garbage": chunked(OTHER),
    "chunks cut": chunked(chunk(CONTENT)[:5000]),
    "chunk huge": chunked(b"f" * 40 + b"\r\n" + CONTENT),
    "chunk negative": chunked(b"-5\r\n" + CONTENT),
    "chunk size line long": chunked(b"0" * 100_000),
    "gzip wrong": encoded("gzip", gzip.compress(OTHER)),
    "gzip damaged": encoded("gzip", PACKED[:5000] + OTHER),
    "gzip cut": encoded("gzip", PACKED[:5000]),
    "gzip not": encoded("gzip", CONTENT),
    "gzip bomb": encoded("gzip", gzip.compress(bytes(50_000_000))),
    "deflate not": encoded("deflate", OTHER),
    "br": encoded("br", CONTENT),
    "encoding long": encoded("\x1b[31m" + "x" * 60_000, CONTENT),
    "header line of 1 MB": sized(CONTENT, "X-Long: " + "x" * 1_000_000),
    "1000 headers": sized(CONTENT, *["X-Many: x"] * 1000),
    "status line garbage": OTHER,
    "status not a number": answer(status="OK OK"),
    "status negative": answer(status="-200 OK"),
    "status line of 1 MB": answer(status="404 " + "x" * 1_000_000),
    "reason long": answer(status="404 \x1b[31m" + "x" * 60_000),
    "HTTP/0.9": CONTENT,
    "HTTP/3": b"HTTP/3.0 200 OK\r\n\r\n" + CONTENT,
    "NUL in headers": sized(CONTENT[:-1], "X-\0Name: \0"),
    "redirect loop": redirect("/redirect%20loop"),
    "redirect to a file": redirect("file:///file.bin"),
    "redirect refused": redirect("http://127.0.0.1:1/x"),
    "redirect to garbage": redirect("http://[::1"),
    "redirect to a port of letters": redirect("http://127.0.0.1:port/"),
    "redirect to nothing": redirect("", OTHER),
    "redirect to bytes": START.replace(b"200", b"302") + b"Location: \xff\xfe\r\n\r\n",
    "redirect without a place": sized(OTHER, status="302 Found"),
    "204": answer(b"", status="204 No Content"),
    "206": sized(CONTENT[:99], "Content-Range: bytes 0-98/20000", status="206 Part"),
    "304": answer(b"", status="304 Not Modified"),
    "101": answer(OTHER, status="101 Switching Protocols"),
}
# name -> what the server sends first, then again and again, and the pause in seconds
ENDLESS = {
    "stall before headers": (b"", b"", 0.1),
    "stall in headers": (START + b"X-A: b", b"", 0.1),
    "stall in the body": (sized(CONTENT[:500], length=20_000), b"", 0.1),
    "endless headers": (START, b"X-A: b\r\n", 0.1),
    "headers drop by drop": (START, b"x", 0.1),
    "status drop by drop": (b"H", b"T", 0.1),
    "endless continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
    "endless": (answer(), CONTENT, 0),
    "drop by drop": (answer(b""), b"x", 0.1),
    "drop by drop with length": (sized(b"", length=20_000), b"x", 0.1),
    "chunk size drop by drop": (CHUNKED, b"0", 0.1),
    "endless chunk size": (CHUNKED, b"0" * 1000, 0),
    "endless chunks": (CHUNKED, chunk(OTHER), 0),
    "one byte chunks": (CHUNKED, chunk(b"x"), 0.1),
    "endless trailer": (CHUNKED + chunk(CONTENT[:-1]) + b"0\r\n", b"X: y\r\n", 0.001),
    "trailer drop by drop": (CHUNKED + chunk(OTHER) + b"0\r\n", b"x", 0.1),
    "gzip name drop by drop": (GZIPPED + b"\x1f\x8b\x08\x08" + bytes(6), b"x", 0.1),
    "gzip of nothing": (GZIPPED + PACKED[:10], b"\0\0\0\xff\xff", 0),
    "error without end": (answer(status="404 Not Found"), CONTENT, 0),
}
ENDLESS_GOOD = {
    "gzip, then more without end": (GZIPPED + PACKED, OTHER, 0),
    "redirect with a body without end": (redirect("/plain"), OTHER, 0),
    "redirect with a bomb": (
        answer(b"", "Location: /plain", "Content-Encoding: gzip", status="301 Moved"),
        gzip.compress(bytes(20_000_000)),
        0,
    ),
    "all, then silence": (sized(), b"", 0.1),
}


class Server(BaseRequestHandler):
    """Does what the path names, on the bare connection."""

    stop: threading.Event
    asked: list[str]

    def handle(self):
        try:
            asked = self._read_request()
            self.asked.append(asked)
            self._answer(asked)
        except OSError:  # the other side has had enough
            pass

    def _read_request(self) -> str:
        self.request.settimeout(5)
        request = b""
        while b"\r\n\r\n" not in request and b"\x16" not in request[:1]:
            received = self.request.recv(1 << 16)
            if not received:
                break
            request += received
        words = request.decode("latin-1").split(" ")
        return words[1].lstrip("/").replace("%20", " ") if len(words) > 1 else ""

    def _answer(self, asked: str) -> None:
        if asked == "good after 503":
            first = self.asked.count(asked) == 1
            asked = "503" if first else "plain"
        if asked in ("reset", "reset in the body"):
            if asked != "reset":
                self.request.sendall(sized(CONTENT[:5000], length=20_000))
            linger = struct.pack("ii", 1, 0)  # closing now sends RST
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.request.close()
            return
        start, piece, pause = {**ENDLESS, **ENDLESS_GOOD}.get(
            asked, ({**GOOD, **BAD}.get(asked, b"garbage"), None, 0)
        )
        self.request.sendall(start)
        while piece is not None and not self.stop.wait(pause):
            self.request.sendall(piece)


@pytest.fixture
def address(serve):
    """Of a server that ends its endless answers with the test."""
    stop = threading.Event()
    yield serve(type("Handler", (Server,), {"stop": stop, "asked": []}))
    stop.set()


@pytest.fixture
def outcome(tmp_path, monkeypatch):
    """Fetch an address: an error or None. A fetch that hangs fails the test."""
    monkeypatch.setattr("spamft.plumbing.fetch.time.sleep", lambda seconds: None)

    def call(url: str, patience: Patience = PATIENCE) -> BaseException | None:
        done: queue.Queue = queue.Queue()

        def work() -> None:
            try:
                fetch(
                    [url],
                    tmp_path / "folder" / "file.bin",
                    size=len(CONTENT),
                    digest=DIGEST,
                    remedy="by hand: do it",
                    patience=patience,
                    progress=False,
                )
                done.put(None)
            except BaseException as error:
                done.put(error)

        began = time.monotonic()
        threading.Thread(target=work, daemon=True).start()
        error = done.get(timeout=LONGEST)
        assert time.monotonic() - began < LONGEST
        return error

    return call


def check_refusal(error: BaseException | None, url: str, folder: Path) -> None:
    """One error, in few lines that can be shown, and the folder is as it was."""
    assert type(error) is DownloadError
    first, where, why, remedy = str(error).split("\n")
    assert (first, where.strip()) == ("could not download file.bin", url)
    assert why.strip() and visible(why) == why and len(why) < 400
    assert remedy == "by hand: do it"
    assert [p.name for p in folder.iterdir()] in ([], ["file.bin"])


@pytest.mark.parametrize("kind", [*GOOD, *ENDLESS_GOOD, "good after 503"])
def test_an_odd_server_with_the_right_bytes_gives_the_right_file(
    address, outcome, tmp_path, kind
):
    assert outcome(f"{address}/{kind}", UNHURRIED) is None
    (file,) = (tmp_path / "folder").iterdir()
    assert file.name == "file.bin" and file.read_bytes() == CONTENT


@pytest.mark.parametrize("kind", [*BAD, *ENDLESS, "reset", "reset in the body"])
def test_a_bad_server_gives_one_error_and_leaves_nothing(
    address, outcome, tmp_path, kind
):
    url = f"{address}/{kind}"
    check_refusal(outcome(url), url, tmp_path / "folder")
    assert not (tmp_path / "folder" / "file.bin").exists()


@pytest.mark.parametrize("kind", ["404", "cut", "endless", "wrong content", "reset"])
def test_an_older_file_stays_as_it_was(address, outcome, tmp_path, kind):
    old = tmp_path / "folder" / "file.bin"
    old.parent.mkdir()
    old.write_bytes(b"old")
    url = f"{address}/{kind}"
    check_refusal(outcome(url), url, old.parent)
    assert old.read_bytes() == b"old"


def dead_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:DEAD/refused",
        f"http://{'x' * 64}.example/label",
        "http://..example/dots",
        "http://[::1/bracket",
        "http://127.0.0.1:99999/port",
        "http:///nobody",
        "ftp://127.0.0.1/scheme",
        "no scheme",
        "",
    ],
)
def test_a_bad_address_gives_one_error(outcome, tmp_path, url):
    url = url.replace("DEAD", str(dead_port()))
    check_refusal(outcome(url), url, tmp_path / "folder")


def test_a_server_that_speaks_no_tls_gives_one_error(address, outcome, tmp_path):
    url = address.replace("http:", "https:") + "/plain"
    check_refusal(outcome(url), url, tmp_path / "folder")


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:DEAD", "x://y", "[::"])
def test_a_dead_proxy_gives_one_error(address, outcome, tmp_path, monkeypatch, proxy):
    proxy = proxy.replace("DEAD", str(dead_port()))
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", proxy)
    url = f"{address}/plain"
    check_refusal(outcome(url), url, tmp_path / "folder")


@pytest.mark.parametrize(
    "kind", ["endless trailer", "trailer drop by drop", "chunk size drop by drop"]
)
def test_what_was_given_up_does_not_go_on_behind_our_back(address, outcome, kind):
    before = set(threading.enumerate())
    assert outcome(f"{address}/{kind}") is not None
    ends = time.monotonic() + LONGEST
    while at_work := [
        thread
        for thread in set(threading.enumerate()) - before
        if thread.name == "in_time"
    ]:
        assert time.monotonic() < ends, at_work
        threading.Event().wait(0.02)


@pytest.mark.parametrize(
    "kind",
    [
        *("gzip bomb", "gzip of nothing", "endless", "endless trailer"),
        *("header line of 1 MB", "error without end", *ENDLESS_GOOD),
    ],
)
def test_no_answer_takes_much_memory(address, outcome, kind):
    tracemalloc.start()
    outcome(f"{address}/{kind}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MOST
