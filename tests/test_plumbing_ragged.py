import pytest

from spamft.plumbing.ragged import Ragged

LISTS = [[1, 2, 3], [], [50256], [2**31 - 1, 0]]


def test_it_reads_like_a_list_of_lists():
    ragged = Ragged(LISTS)
    assert list(ragged) == LISTS and ragged == LISTS and len(ragged) == 4
    assert ragged[-1] == LISTS[-1] and ragged.lengths == [3, 0, 1, 2]
    assert ragged != LISTS[:3] and ragged != 5
    with pytest.raises(IndexError):
        ragged[4]


def test_what_is_appended_comes_last():
    ragged = Ragged()
    assert list(ragged) == [] and ragged.lengths == []
    for each in LISTS:
        ragged.append(each)
    assert ragged == Ragged(LISTS) == LISTS


def test_a_number_of_more_bits_is_refused():
    with pytest.raises(OverflowError):
        Ragged([[2**31]])
