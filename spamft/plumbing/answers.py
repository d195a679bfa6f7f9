"""What a server answers, for as long as we care to listen.

    with open_answer(url, timeout) as response:   the headers have come
        for chunk in chunks_of(response):         the body, as it comes

Every failure is one of requests' errors, whichever library stumbled.
"""

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urljoin

import requests

from spamft.plumbing.waiting import TooSlow, in_time

__all__ = ["chunks_of", "open_answer"]

EITHER = 47  # zlib's code for gzip's or zlib's own frame, whichever is there
PLAINLY = {"Accept-Encoding": "identity"}
HOPS = 10  # redirects in a row


@contextmanager
def open_answer(url: str, timeout: float) -> Iterator[requests.Response]:
    """The answer of `url`; raise if none has come after `timeout` seconds."""
    try:
        response = in_time(lambda: _ask(url, timeout), timeout + 0.5)
    except TooSlow:
        raise requests.Timeout(f"no answer in {timeout:g} seconds") from None
    try:
        yield response
    finally:  # in a thread, for it may have to wait for a read that was given up
        threading.Thread(target=_hang_up, args=[response], daemon=True).start()


def chunks_of(response: requests.Response) -> Iterator[bytes]:
    """Yield bytes as they arrive, so that they are counted after each packet.

    A server that compresses, though it was asked not to, is understood.
    """
    kind = response.headers.get("Content-Encoding", "identity").lower()
    if kind not in ("identity", "gzip", "x-gzip", "deflate"):
        raise requests.exceptions.ContentDecodingError(
            f"sends it compressed as {kind[:20]!r}, which is unknown here"
        )
    unpacking = zlib.decompressobj(EITHER) if kind != "identity" else None
    try:
        while chunk := response.raw.read1(1 << 16, decode_content=False):
            yield from _unpacked(chunk, unpacking) if unpacking else [chunk]
            if unpacking and unpacking.eof:  # zlib would store what comes after
                return
    except Exception as error:  # a foreign library's, at bytes it cannot read
        raise requests.ConnectionError(error) from error


def _unpacked(chunk: bytes, unpacking: "zlib._Decompress") -> Iterator[bytes]:
    """Piece by piece, so that whoever counts them can stop."""
    while chunk and not unpacking.eof:
        yield unpacking.decompress(chunk, 1 << 16)
        chunk = unpacking.unconsumed_tail


class _OneAnswer(requests.Session):
    """Follows no redirect: requests would read its body first, however long."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None

    def place_of(self, response: requests.Response) -> str | None:
        """Where a redirect leads, in requests' reading of it."""
        return super().get_redirect_target(response)


def _ask(url: str, timeout: float) -> requests.Response:
    """The answer of `url`, or of where it redirects to, its body not yet read."""
    try:
        with _OneAnswer() as session:
            for _ in range(HOPS):
                response = session.get(
                    url, stream=True, timeout=timeout, headers=PLAINLY
                )
                if not response.is_redirect:
                    return response
                response.close()
                url = urljoin(url, session.place_of(response))
    except OSError:  # requests' errors are OSErrors
        raise
    except Exception as error:  # a foreign library's, at an answer it cannot read
        raise requests.RequestException(error) from error
    raise requests.TooManyRedirects(f"redirects more than {HOPS} times")


def _hang_up(response: requests.Response) -> None:
    with suppress(Exception):
        response.raw.shutdown()  # ends a read that waits
    with suppress(Exception):
        response.close()
