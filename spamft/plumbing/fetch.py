"""An address -> a whole, checked file, or one error that says what to do."""

import queue
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import requests
import urllib3
from tqdm.auto import tqdm

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import sha256, whole_file

__all__ = ["DownloadError", "Patience", "fetch", "reachable", "reason"]


EITHER = 47  # zlib's code for gzip's or zlib's own frame, whichever is there
_BROKEN = (urllib3.exceptions.HTTPError, HTTPException, zlib.error, ValueError)
PLAINLY = {"Accept-Encoding": "identity"}
SLOWEST = 20_000  # bytes per second; below, a transfer is given up
AGAIN = (429, 500, 502, 503, 504)  # answers that another try may change


@dataclass(frozen=True)
class Patience:
    """How long to wait for an address, and how often to ask again."""

    timeout: float = 10.0  # seconds to answer, and for each wait after that
    retries: int = 2  # after 1, 2, 4 ... seconds
    deadline: float | None = None  # seconds for one transfer; None: by its size

    def seconds_for(self, size: int) -> float:
        """The deadline of a transfer of `size` bytes."""
        return 60 + size // SLOWEST if self.deadline is None else self.deadline


class DownloadError(SpamftError):
    """A download failed: what was tried, why it failed, and what to do by hand."""


class _Gone(Exception):
    """This address will not do better on a second try."""


def fetch(
    urls: Sequence[str],
    target: Path,
    *,
    size: int,
    digest: str,
    remedy: str,
    patience: Patience = Patience(),  # noqa: B008, it is frozen
    progress: bool = True,
) -> str:
    """Put the file of `size` bytes and SHA-256 `digest` at `target`; return its URL.

    The addresses are tried in order; time-outs, broken transfers and server errors
    are tried again, as `patience` allows. `target` appears whole or not at all.
    Raises DownloadError, which ends with `remedy`: how to get the file by hand.
    """
    failures = []
    for url in urls:
        try:
            with whole_file(target) as part:
                _persist(url, part, size, patience, progress)
                _check(part, size, digest)
            return url
        except (_Gone, OSError) as error:  # requests' errors are OSErrors
            failures.append(f"  {url}\n    {reason(error)}")
    tried = "\n".join(failures)
    raise DownloadError(f"could not download {target.name}\n{tried}\n{remedy}")


def reachable(url: str, timeout: float) -> bool:
    """Whether `url` answers, and not with an error, within `timeout` seconds."""
    try:
        with _open(url, timeout) as response:
            return response.ok
    except OSError:  # requests' errors are OSErrors
        return False


def _persist(
    url: str, part: Path, size: int, patience: Patience, progress: bool
) -> None:
    """Stream `url` into `part`, trying again where that can help."""
    for attempt in range(patience.retries + 1):
        try:
            return _stream(url, part, size, patience, progress)
        except requests.RequestException as error:
            if attempt == patience.retries or not _may_pass(error):
                raise
            time.sleep(2**attempt)


def _may_pass(error: requests.RequestException) -> bool:
    """Whether another try may do better: not with a bad certificate or address."""
    if isinstance(error, requests.exceptions.SSLError):
        return False
    return isinstance(
        error,
        (
            requests.Timeout,
            requests.ConnectionError,
            requests.HTTPError,
            requests.exceptions.ChunkedEncodingError,
        ),
    )


def _stream(
    url: str, part: Path, size: int, patience: Patience, progress: bool
) -> None:
    began, deadline = time.monotonic(), patience.seconds_for(size)
    with _open(url, patience.timeout) as response:
        if not response.ok and response.status_code not in AGAIN:
            raise _Gone(f"answered {response.status_code} {response.reason}")
        response.raise_for_status()
        with (
            part.open("wb") as file,
            tqdm(
                total=size,
                unit="B",
                unit_scale=True,
                desc=url.rsplit("/", 1)[-1],
                leave=False,
                disable=not progress,
            ) as bar,
        ):
            for chunk in _chunks(response):
                file.write(chunk)
                bar.update(len(chunk))
                if file.tell() > size:
                    raise _Gone(f"sends more than the {size:,} bytes of the real file")
                if time.monotonic() - began > deadline:
                    raise _Gone(f"not complete after {deadline:g} seconds: too slow")


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield bytes as they arrive, so that the deadline is checked after each packet.

    A server that compresses, though it was asked not to, is understood.
    """
    kind = response.headers.get("Content-Encoding", "identity").lower()
    if kind not in ("identity", "gzip", "x-gzip", "deflate"):
        raise _Gone(f"sends it compressed as {kind!r}, which is not understood here")
    unpacking = zlib.decompressobj(EITHER) if kind != "identity" else None
    try:
        while chunk := response.raw.read1(1 << 16, decode_content=False):
            yield from _unpacked(chunk, unpacking) if unpacking else [chunk]
    except (
        urllib3.exceptions.HTTPError,
        HTTPException,
        zlib.error,
        ValueError,
    ) as error:
        raise requests.ConnectionError(error) from error


def _unpacked(chunk: bytes, unpacking: "zlib._Decompress") -> Iterator[bytes]:
    """Piece by piece, so that whoever counts them can stop."""
    while chunk:
        yield unpacking.decompress(chunk, 1 << 16)
        chunk = unpacking.unconsumed_tail


def _open(url: str, timeout: float) -> requests.Response:
    """Ask for `url`; raise if no answer has come after `timeout` seconds.

    requests' own time-outs do not cover the look-up of the name, which can hang
    for a minute on a broken network. So a thread asks, and we stop waiting.
    """
    answers: queue.Queue = queue.Queue()

    def ask() -> None:
        try:
            answers.put(
                requests.get(url, stream=True, timeout=timeout, headers=PLAINLY)
            )
        except OSError as error:  # raised again below, where someone listens
            answers.put(error)
        except Exception as error:  # a foreign library's, at an answer it cannot read
            answers.put(requests.RequestException(error))

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=timeout + 0.5)
    except queue.Empty:
        raise requests.Timeout(f"no answer in {timeout:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _check(part: Path, size: int, digest: str) -> None:
    got = part.stat().st_size
    if got != size:
        raise _Gone(f"sent {got:,} bytes, the real file has {size:,}")
    if sha256(part) != digest:
        raise _Gone(f"sent {size:,} bytes with a wrong SHA-256")


def reason(error: BaseException) -> str:
    """The innermost cause, on one line: requests nests it several exceptions deep."""
    while isinstance(error.__cause__ or error.__context__, Exception):
        inner = error.__cause__ or error.__context__
        if not str(inner):
            break
        error = inner
    return " ".join(str(error).split()) or type(error).__name__
