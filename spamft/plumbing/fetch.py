"""An address -> a whole, checked file, or one error that says what to do."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import requests
from tqdm.auto import tqdm

from spamft.plumbing.answers import chunks_of, open_answer
from spamft.plumbing.display import visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import sha256, whole_file
from spamft.plumbing.waiting import TooSlow, in_time

__all__ = [
    "WITH_A_CHOICE",
    "Download",
    "DownloadError",
    "Patience",
    "announce",
    "estimate",
    "fetch",
    "reason",
]

SLOWEST = 20_000  # bytes per second; below, a transfer is given up
AGAIN = (429, 500, 502, 503, 504)  # answers that another try may change
LONGEST = 300  # characters of a reason; a server may send very many
LOOK = 4.0  # seconds of a transfer that show its pace
WITH_A_CHOICE = 300.0  # seconds that a download may take if something else would do


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


class Download(NamedTuple):
    """What the whole of a file would take, by the pace of its first seconds."""

    size: int  # bytes
    seconds: float


def estimate(url: str, timeout: float, enough: float) -> Download | None:
    """Look at what comes from `url` for LOOK seconds; None if it does not answer.

    An answer comes within `timeout` seconds, and is no error. The look ends early when
    it is sure that the whole takes less than `enough` seconds.
    """
    try:
        with open_answer(url, timeout) as response:
            if not response.ok:
                return None
            size = int(response.headers.get("Content-Length", 0))
            return Download(size, _seconds(chunks_of(response), size, enough))
    except (OSError, ValueError):  # requests' errors are OSErrors
        return None


def _seconds(chunks: Iterator[bytes], size: int, enough: float) -> float:
    """How long `size` bytes take if the others come as quickly as the first."""
    came, began, passed = 0, time.monotonic(), 0.0
    while passed < LOOK and came < size * min(LOOK / enough, 1):
        try:
            chunk = in_time(lambda: next(chunks, b""), LOOK - passed)
        except TooSlow:
            chunk = None
        passed = time.monotonic() - began
        if chunk == b"":
            break
        came += len(chunk or b"")
    return size * passed / max(came, 1)


def announce(what: str, size: int) -> None:
    """Say on the error output what is downloaded, and how to go on without it."""
    print(
        f"downloading {what}, {size / 1e6:.0f} MB; to go on without it, stop this "
        '(■ or Ctrl-C) and take the bundled model: MODEL = "tiny" or --model tiny',
        file=sys.stderr,
        flush=True,
    )


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
    deadline = patience.seconds_for(size)
    ends = time.monotonic() + deadline
    with open_answer(url, patience.timeout) as response:
        if not response.ok and response.status_code not in AGAIN:
            raise _Gone(f"answered {response.status_code} {response.reason}")
        response.raise_for_status()
        try:
            with _bar(url, size, progress) as bar:
                _save(chunks_of(response), part, size, ends, bar)
        except TooSlow:
            complaint = f"not complete after {deadline:g} seconds: too slow"
            raise _Gone(complaint) from None


def _bar(url: str, size: int, progress: bool) -> tqdm:
    return tqdm(
        total=size,
        unit="B",
        unit_scale=True,
        desc=url.rsplit("/", 1)[-1],
        leave=False,
        disable=not progress,
    )


def _save(
    chunks: Iterator[bytes], part: Path, size: int, ends: float, bar: tqdm
) -> None:
    """Write chunks until the moment `ends`, and no more than `size` bytes."""
    with part.open("wb") as file:
        while True:
            chunk = in_time(lambda: next(chunks, None), ends - time.monotonic())
            if chunk is None:
                return
            file.write(chunk)
            bar.update(len(chunk))
            if file.tell() > size:
                raise _Gone(f"sends more than the {size:,} bytes of the real file")


def _check(part: Path, size: int, digest: str) -> None:
    got = part.stat().st_size
    if got != size:
        raise _Gone(f"sent {got:,} bytes, the real file has {size:,}")
    if sha256(part) != digest:
        raise _Gone(f"sent {size:,} bytes with a wrong SHA-256")


def reason(error: BaseException) -> str:
    """The innermost cause, on one short line: requests nests it exceptions deep."""
    while isinstance(error.__cause__ or error.__context__, Exception):
        inner = error.__cause__ or error.__context__
        if not str(inner):
            break
        error = inner
    words = visible(" ".join(str(error)[: 2 * LONGEST].split()))
    if len(words) > LONGEST:
        words = f"{words[:LONGEST]} ..."
    return words or type(error).__name__
