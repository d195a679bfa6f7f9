import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from spamft.plumbing.distinct import number_same


@given(st.lists(st.binary(max_size=2), max_size=60))
def test_the_numbers_are_those_of_pandas(contents):
    theirs, _ = pd.factorize(pd.Series(contents, dtype=object))
    assert number_same(contents).tolist() == theirs.tolist()


def test_contents_that_end_in_zeros_are_told_apart():
    assert number_same([b"", b"\0", b"\0\0", b"\0"]).tolist() == [0, 1, 2, 1]
