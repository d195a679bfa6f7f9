import sys

import pytest

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.extras import needed


def test_a_library_that_is_there_is_given():
    assert needed("json.decoder", "to read", "it") is sys.modules["json.decoder"]


def test_one_that_is_not_says_what_to_install():
    with pytest.raises(
        SpamftError, match=r"to fly, install no_wings: .*'spamft\[it\]'"
    ):
        needed("no_wings.part", "to fly", "it")
