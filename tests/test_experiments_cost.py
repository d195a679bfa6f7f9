import sys

import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import nn

from spamft.experiments.cost import PeakMemory, estimator_size, trained_size
from spamft.insight.baselines import BASELINES


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")
def test_the_peak_is_what_was_held_at_most_and_not_what_is_held_in_the_end():
    with PeakMemory() as small:
        pass
    with PeakMemory() as large:
        held = torch.ones(50_000_000)  # 200 MB
        for _ in range(5):
            held.mul_(1.0)
        del held
    assert 150e6 < large.bytes - small.bytes < 400e6


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")
def test_what_was_freed_before_does_not_count():
    with PeakMemory() as before:
        pass
    pieces = [torch.ones(25_000) for _ in range(3000)]  # 300 MB, on the heap
    last = pieces.pop()  # the heap's end is in use, so nothing below it goes back alone
    del pieces
    with PeakMemory() as after:
        pass
    assert last.sum() == 25_000
    assert after.bytes - before.bytes < 100e6


def test_only_what_trains_counts():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert trained_size(model) == (10, 40)


def test_a_baseline_has_as_many_numbers_as_coefficients_or_thresholds():
    texts, labels = ["a b", "win now", "b a", "win it"], [0, 1, 0, 1]
    fitted = {name: make().fit(texts, labels) for name, make in BASELINES.items()}
    sizes = {name: estimator_size(each) for name, each in fitted.items()}
    words = len(TfidfVectorizer().fit(texts).vocabulary_)
    assert sizes["TF-IDF + logistic regression"][0] == words
    assert sizes["majority class"][0] == 0 and sizes["length rule"][0] <= 1
    assert all(size > 0 for _, size in sizes.values())
