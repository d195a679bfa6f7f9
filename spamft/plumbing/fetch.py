"""An address -> a whole, checked file, or one error that says what to do."""

import hashlib
import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from tqdm.auto import tqdm

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file

__all__ = ["DownloadError", "Patience", "fetch", "reachable", "reason", "sha256"]


@dataclass(frozen=True)
class Patience:
    """How long to wait for an address, and how often to ask again."""

    timeout: float = 10.0  # seconds to answer, and for each wait after that
    retries: int = 2  # after 1, 2, 4 ... seconds
    deadline: float = float("inf")  # seconds for one transfer


class DownloadError(SpamftError):
    """A download failed: what was tried, why it failed, and what to do by hand."""


class _Gone(Exception):
    """This address will not do better on a second try."""


def sha256(path: Path) -> str:
    """The file's SHA-256 as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


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
        except requests.RequestException:
            if attempt == patience.retries:
                raise
            time.sleep(2**attempt)


def _stream(
    url: str, part: Path, size: int, patience: Patience, progress: bool
) -> None:
    began = time.monotonic()
    with _open(url, patience.timeout) as response:
        if 400 <= response.status_code < 500 and response.status_code != 429:
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
                if time.monotonic() - began > patience.deadline:
                    raise _Gone(
                        f"not complete after {patience.deadline:g} seconds: too slow"
                    )


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield bytes as they arrive, so that the deadline is checked after each packet."""
    try:
        while chunk := response.raw.read1(1 << 16):
            yield chunk
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError(error) from error


def _open(url: str, timeout: float) -> requests.Response:
    """Ask for `url`; raise if no answer has come after `timeout` seconds.

    requests' own time-outs do not cover the look-up of the name, which can hang
    for a minute on a broken network. So a thread asks, and we stop waiting.
    """
    answers: queue.Queue = queue.Queue()

    def ask() -> None:
        try:
            answers.put(requests.get(url, stream=True, timeout=timeout))
        except Exception as error:  # raised again below, where someone listens
            answers.put(error)

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
