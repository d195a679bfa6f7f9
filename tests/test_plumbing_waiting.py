import threading
import time

import pytest

from spamft.plumbing.waiting import TooSlow, in_time


def test_what_ends_in_time_gives_its_result_or_its_error():
    assert in_time(lambda: 6 * 7, seconds=5) == 42
    with pytest.raises(KeyError, match="lost"):
        in_time(lambda: {}["lost"], seconds=5)


def test_what_does_not_end_is_left_to_itself():
    hang = threading.Event()
    began = time.monotonic()
    with pytest.raises(TooSlow):
        in_time(lambda: hang.wait(20), seconds=0.1)
    with pytest.raises(TooSlow):
        in_time(lambda: hang.wait(20), seconds=-1)  # the deadline has passed already
    assert time.monotonic() - began < 5
    hang.set()
