"""Servers that misbehave are in faults/test_servers.py."""

import gzip
from http.server import BaseHTTPRequestHandler

import pytest
import requests

from spamft.plumbing.answers import chunks_of, open_answer

CONTENT = bytes(range(256)) * 900


class Server(BaseHTTPRequestHandler):
    """Sends the content compressed as the path says, or redirects one step down."""

    def do_GET(self):
        kind = self.path.rsplit("/", 1)[-1]
        if kind.isdecimal():
            self.send_response(302)
            self.send_header("Location", f"/{int(kind) - 1}" if int(kind) else "plain")
            self.end_headers()
            return
        self.send_response(200)
        if kind != "plain":
            self.send_header("Content-Encoding", kind)
        self.end_headers()
        self.wfile.write(gzip.compress(CONTENT) if kind == "gzip" else CONTENT)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("kind", ["plain", "gzip", "identity", "0", "8"])
def test_the_body_comes_unpacked_from_where_it_is(serve, kind):
    with open_answer(f"{serve(Server)}/{kind}", timeout=5) as response:
        assert b"".join(chunks_of(response)) == CONTENT


def test_redirects_without_end_are_refused(serve):
    address = serve(Server)
    with (
        pytest.raises(requests.TooManyRedirects, match="more than 10 times"),
        open_answer(f"{address}/50", timeout=5),
    ):
        pass


@pytest.mark.parametrize(
    "kind, why", [("deflate", "incorrect header"), ("zstd", "as 'zstd', which is unkn")]
)
def test_what_cannot_be_unpacked_is_an_error_of_requests(serve, kind, why):
    with (
        open_answer(f"{serve(Server)}/{kind}", timeout=5) as response,
        pytest.raises(requests.RequestException, match=why),
    ):
        list(chunks_of(response))
