import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from spamft.plumbing.scores import area, correlation, softmax_sums

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1)


@given(pairs)
def test_the_correlation_is_matthews(pairs):
    true, predicted = np.array(pairs).T
    several = len({*true, *predicted}) > 1  # scikit-learn warns of one class
    wanted = metrics.matthews_corrcoef(true, predicted) if several else 0.0
    assert correlation(true, predicted, 5) == pytest.approx(wanted)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1))
def test_the_area_is_the_average_precision_ties_included(pairs):
    scores, positive = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    if positive.any():
        wanted = metrics.average_precision_score(positive, scores)
        assert area(scores, positive) == pytest.approx(wanted)


def test_highest_logit_and_sum_make_the_softmax_in_every_block_of_rows():
    logits = torch.randn(600, 7) * 30
    highest, sums = softmax_sums(logits)
    chances = (logits.double() - highest[:, None]).exp() / sums[:, None]
    torch.testing.assert_close(chances, logits.double().softmax(-1))
