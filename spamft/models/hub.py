"""The name of published weights -> files in the Hugging Face hub's cache."""

from collections.abc import Sequence
from pathlib import Path

from spamft.plumbing.fetch import (
    Download,
    DownloadError,
    Patience,
    announce,
    estimate,
    reason,
)
from spamft.plumbing.files import sha256
from spamft.plumbing.waiting import TooSlow, in_time

__all__ = ["download_weights", "expected_download", "is_cached"]


LARGE = 20_000_000  # bytes: what takes seconds even where the line is good


def download_weights(
    repository: str,
    revision: str,
    digest: str | None,
    size: int,
    patience: Patience = Patience(),  # noqa: B008, it is frozen
    *,
    more: Sequence[str] = (),
) -> Path:
    """The folder with config.json, model.safetensors and `more` of a repository.

    Uses huggingface_hub: its cache, its progress bar, HF_ENDPOINT and HF_HUB_OFFLINE.
    A fresh download must have the SHA-256 `digest`, where one is known, and is
    announced if it is large; `size`, in bytes and about right, is for the deadline.
    Raises DownloadError, with what to do by hand.
    """
    from huggingface_hub import constants

    seconds = patience.seconds_for(size)
    comes = not constants.HF_HUB_OFFLINE and not is_cached(repository, revision)
    if comes and size > LARGE:
        announce(repository, size)
    try:
        return in_time(lambda: _download(repository, revision, digest, more), seconds)
    except DownloadError:
        raise
    except TooSlow:
        raise _failure(
            repository,
            revision,
            f"not complete after {seconds:g} seconds: too slow; "
            "what came whole stays in the hub's cache",
        ) from None
    except Exception as error:  # huggingface_hub's, httpx's and the system's own
        raise _failure(repository, revision, reason(error)) from error


def is_cached(repository: str, revision: str) -> bool:
    """Whether the weights are in the hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    where = {"repo_id": repository, "revision": revision}
    return isinstance(
        try_to_load_from_cache(filename="model.safetensors", **where), str
    )


def expected_download(
    repository: str, revision: str, timeout: float, enough: float
) -> Download | None:
    """What is still to come of the weights: nothing of cached ones; None if the hub
    does not answer in `timeout` seconds. See `estimate`."""
    from huggingface_hub import constants, hf_hub_url

    if is_cached(repository, revision):
        return Download(0, 0.0)
    if constants.HF_HUB_OFFLINE:
        return None
    url = hf_hub_url(repository, "model.safetensors", revision=revision)
    return estimate(url, timeout, enough)


def _download(
    repository: str, revision: str, digest: str | None, more: Sequence[str]
) -> Path:
    """The folder in the cache, however long it takes; what is new there is checked."""
    from huggingface_hub import hf_hub_download

    where = {"repo_id": repository, "revision": revision}
    cached = is_cached(repository, revision)
    for name in ("config.json", *more):
        config = hf_hub_download(filename=name, etag_timeout=5, **where)
    weights = hf_hub_download(filename="model.safetensors", etag_timeout=5, **where)
    if not cached and digest is not None:
        _check(Path(weights), repository, digest)
    return Path(config).parent


def _failure(repository: str, revision: str, why: str) -> DownloadError:
    return DownloadError(
        f"could not download {repository} from the Hugging Face hub\n"
        f"  {why}\n"
        f"by hand: put config.json and model.safetensors of\n"
        f"  https://huggingface.co/{repository}/tree/{revision}\n"
        "  into a folder and give its path instead of the name; behind a mirror "
        "set HF_ENDPOINT"
    )


def _check(weights: Path, repository: str, digest: str) -> None:
    got = sha256(weights)
    if got == digest:
        return
    for path in (weights.resolve(), weights):
        path.unlink(missing_ok=True)  # so that the next call does not find it cached
    raise DownloadError(
        f"{repository}'s model.safetensors came with SHA-256 {got},\n"
        f"  expected {digest}; it is deleted: try again"
    )
