"""Wait for work that may never end, but no longer than agreed."""

import queue
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["TooSlow", "in_time"]

T = TypeVar("T")


class TooSlow(Exception):
    """What was waited for did not come in time."""


def in_time(work: Callable[[], T], seconds: float) -> T:
    """What `work` returns or raises; TooSlow if that takes more than `seconds`.

    No time-out of a library for HTTP covers the look-up of a name, which can hang for a
    minute, or headers that do not end. So a thread works, and we stop waiting.
    """
    done: queue.Queue = queue.Queue()

    def run() -> None:
        try:
            done.put((work(), None))
        except Exception as error:  # raised again below, where someone listens
            done.put((None, error))

    threading.Thread(target=run, name="in_time", daemon=True).start()
    try:
        result, error = done.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise TooSlow from None
    if error is not None:
        raise error
    return result
