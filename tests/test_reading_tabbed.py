import csv
import io
import time
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spamft.plumbing.errors import SpamftError
from spamft.reading.tabbed import tabbed_rows

PIECES = st.lists(
    st.sampled_from(['"', "\t", "\n", "a", " ", '""', '"\n', "b\t"]), max_size=7
)


def rows(content: str, width: int = 2) -> list[list[str]]:
    lines = enumerate(io.StringIO(content, newline=""), start=1)
    return [row.cells for row in tabbed_rows(lines, width, Path("a.tsv"))]


@given(
    st.lists(st.tuples(st.sampled_from(["x", "y"]), PIECES.map("".join)), min_size=1)
)
def test_what_a_program_wrote_comes_back_or_is_refused(pairs):
    stream = io.StringIO()
    csv.writer(stream, delimiter="\t", lineterminator="\n").writerows(pairs)
    try:
        assert rows(stream.getvalue()) == [list(pair) for pair in pairs]
    except SpamftError as error:
        assert "--quotes" in str(error)


@given(
    st.lists(st.tuples(st.sampled_from(["x", "y"]), PIECES.map("".join)), min_size=1)
)
def test_what_a_person_wrote_comes_back_or_is_refused(pairs):
    plain = [(a, " ".join(b.split())) for a, b in pairs]
    content = "".join(f"{a}\t{b}\n" for a, b in plain)
    whole = [
        b[1:-1].replace('""', '"') if b[:1] == b[-1:] == '"' and len(b) > 1 else b
        for _, b in plain
    ]
    try:
        found = rows(content)
    except SpamftError as error:
        assert "--quotes" in str(error)
        return
    for cells, (a, b), without in zip(found, plain, whole, strict=True):
        assert cells[0] == a and cells[1] in (b, without)


@pytest.mark.parametrize(
    "content",
    [
        'x\t"a\ny\tb"\nx\tc\n',  # two rows, or one with a line that looks like one
        'x\t"a\nb\tc"\ny\td\n',
        '"a\tb\nc"\tx\nd\ty\n',  # the text first
        'x\t"a\ny\tb\ny\tc\nx\td"\n',
    ],
)
def test_where_both_readings_are_possible_neither_is_taken(content):
    with pytest.raises(SpamftError, match=r"a.tsv:1: .*--quotes text .*--quotes csv"):
        rows(content)


@pytest.mark.parametrize(
    "content, expected",
    [
        ('x\t"a\nb"\ny\tc\n', [["x", "a\nb"], ["y", "c"]]),
        ('x\t"a\n\nb"\n', [["x", "a\n\nb"]]),
        ('x\t"a\tb"\n', [["x", "a\tb"]]),
        ('x\t"a\ny\t"b\n', [["x", '"a'], ["y", '"b']]),  # no program writes that
        ('x\ta\ny\t"b\n', [["x", "a"], ["y", '"b']]),
        ('x\t5" disk\ny\tb\n', [["x", '5" disk'], ["y", "b"]]),
    ],
)
def test_where_one_reading_is_possible_it_is_taken(content, expected):
    assert rows(content) == expected


def test_a_mark_that_nothing_closes_costs_no_memory_and_little_time():
    lines = (f"x\t{chr(34) if n % 5000 == 0 else ''}a {n}\n" for n in count())
    began = time.perf_counter()
    found = tabbed_rows(zip(range(1, 50_000), lines), 2, Path("a.tsv"))  # noqa: B905
    assert sum(1 for _ in found) == 49_999
    assert time.perf_counter() - began < 5
