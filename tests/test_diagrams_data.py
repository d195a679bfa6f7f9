import csv
import io

import pandas as pd
import pytest
from drawn import assert_legible, boxes, words_of

from spamft.diagrams import lost_rows, split
from spamft.diagrams.examples import SplitCounts
from spamft.plumbing.errors import SpamftError

# The file that the picture shows
FILE = 'ham\tsee you\nham\t"I said no\nham\twhere are you\nspam\tWIN "a car"\n'


def test_pandas_loses_the_rows_that_the_picture_says():
    frames = [
        pd.read_csv(io.StringIO(FILE), sep="\t", header=None, quoting=quoting)
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE)
    ]
    assert [len(frame) for frame in frames] == [2, 4]
    assert frames[0][1][1].count("\n") == 2 and list(frames[0][0]) == ["ham", "ham"]
    words = words_of(lost_rows())
    assert "quoting: 2 rows" in words and "quoting off: 4 rows" in words
    for text in frames[1][1]:
        assert words.count(text) >= 2  # in the file, and read as it is


def test_parts_are_as_long_as_they_have_messages():
    counts = SplitCounts(700, 100, 200, 10)
    parts = boxes(split(counts).svg)[1:4]
    lengths = [right - left for left, _, right, _ in parts]
    for length, count in zip(lengths, counts[:3], strict=True):
        assert length / sum(lengths) == pytest.approx(count / 1000)
    assert "700 (70%): the model learns from it" in words_of(split(counts))
    assert "10 of 200 test messages (5%)" in words_of(split(counts))


@pytest.mark.parametrize(
    "counts",
    [(1, 1, 1, 1), (5, 1, 1, 0), (9_000_000, 1_000_000, 2_000_000, 1_999_999)],
)
def test_any_split_is_legible(counts):
    assert_legible(split(SplitCounts(*counts)))


@pytest.mark.parametrize("counts", [(0, 1, 1, 0), (5, 5, 5, 6), (5, 5, 5, -1)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(SpamftError, match="three parts with messages"):
        split(SplitCounts(*counts))
