import shlex
from itertools import permutations
from pathlib import Path

import pytest

from spamft.plumbing.errors import SpamftError
from spamft.reading.columns import Columns, Wanted
from spamft.reading.layout import Layout
from spamft.reading.pairs import read_pairs


def wanted(with_label=True, **layout) -> Wanted:
    return Wanted(Path("a.csv"), Layout(**layout), with_label)


@pytest.mark.parametrize("names", [*permutations(["id", "Label", "Text"])])
def test_columns_are_found_in_any_order(names):
    places = Columns((names.index("Text"),), names.index("Label"))
    assert wanted().find(names) == places
    assert wanted(with_label=False).find(names) == places._replace(label=None)


@pytest.mark.parametrize("names", [["LABEL", "text"], [" label", "Te xt "]])
def test_names_match_without_case_and_blanks(names):
    assert wanted().find(names) == Columns((1,), 0)


def test_a_name_that_matches_exactly_comes_first():
    assert wanted().find(["label", "Label", "TEXT", "Text"]) == Columns((3,), 1)
    assert wanted(text="text").find(["Label", "Text", "text"]) == Columns((2,), 0)


def test_kaggles_names_are_known_too_but_not_half_of_each():
    assert wanted().find(["v1", "v2"]) == Columns((1,), 0)
    assert wanted().find(["v1", "Text"]) is None


@pytest.mark.parametrize(
    "names, places",
    [
        (["Text", "Label", "Text"], "1 and 3"),
        (["a", "TEXT", "text", "Label"], "2 and 3"),
    ],
)
def test_a_name_that_stands_twice_is_refused_with_its_places(names, places):
    with pytest.raises(SpamftError, match=f"in the places {places}: rename one"):
        wanted().find(names)


@pytest.mark.parametrize("layout", [{"label": "Text"}, {"text": ["Text", "Text"]}])
def test_one_column_is_not_two(layout):
    with pytest.raises(SpamftError, match="one column is named for two"):
        wanted(**layout).find(["Label", "Text"])


@pytest.mark.parametrize("header", ["Category,Message", "team of it,body", "a.b,c-d"])
def test_a_refusal_ends_with_options_that_work(file, header):
    path = file(f"{header}\nham,see you at noon\nspam,win a prize\n")
    with pytest.raises(SpamftError) as error:
        read_pairs(path)
    options = shlex.split(str(error.value).partition(": add ")[2].partition(", or")[0])
    assert options[::2] == ["--text", "--label"]
    pairs = read_pairs(path, Layout(text=options[1], label=options[3]))
    assert pairs == [("ham", "see you at noon"), ("spam", "win a prize")]


def test_a_first_line_that_comes_again_is_no_header(file):
    path = file("ham,hello\nspam,win\nham,bye\n")
    with pytest.raises(SpamftError, match=r":1: .*add --no-header, since line 1 looks"):
        read_pairs(path)
    assert len(read_pairs(path, Layout(no_header=True))) == 3


def test_a_format_that_has_names_is_not_offered_to_have_no_header():
    error = wanted().refusal(["a"], [], may_lack_header=False)
    assert str(error).endswith("rename the columns")
    assert "no-header" in str(wanted().refusal(["a"], []))
