import json

import pytest
from scipy.stats import binomtest

from spamft.insight.estimate import Counted


@pytest.mark.parametrize(("count", "of"), [(0, 9), (3, 9), (9, 9), (31, 2000)])
def test_the_share_is_counted_and_its_interval_is_wilsons(count, of):
    oracle = binomtest(count, of).proportion_ci(method="wilson")
    share, *ends = Counted(count, of).estimate
    assert share == count / of
    assert ends == pytest.approx([oracle.low, oracle.high])


def test_of_no_messages_the_share_may_be_anything():
    assert Counted(0, 0).estimate == (0.0, 0.0, 1.0)


def test_json_holds_the_counts_and_the_estimate():
    stored = json.loads(json.dumps(Counted(1, 4).to_dict()))
    assert stored["count"] == 1 and stored["of"] == 4 and stored["share"] == 0.25
    assert tuple(stored["interval"]) == Counted(1, 4).estimate[1:]


def test_both_are_told_in_words():
    assert str(Counted(1031, 5000)) == "1,031 of 5,000"
    assert str(Counted(1, 4).estimate).startswith("25 % (95 % interval ")


def test_a_cell_has_as_many_digits_as_so_many_messages_can_tell():
    assert Counted(15, 20).cell().split() == ["75", "(53-89)"]
    assert Counted(13, 5000).cell().split() == ["0.3", "(0.2-0.4)"]
    assert Counted(1700, 5000).cell().split() == ["34", "(33-35)"]
    assert Counted(0, 0).cell() == "-"
    assert len(Counted(9, 9).cell()) == len(Counted(0, 90).cell())
