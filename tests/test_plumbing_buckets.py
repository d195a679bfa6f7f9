import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spamft.plumbing.buckets import BucketSampler, bucket


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 500))
def test_buckets_are_a_partition_within_the_budget(lengths, budget):
    groups = bucket(lengths, budget)
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[i] for i in group)
        assert len(group) == 1 or len(group) * longest <= budget


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_a_shuffled_sampler_gives_every_index_once_per_epoch(lengths):
    sampler = BucketSampler(lengths, 60, torch.Generator().manual_seed(1))
    for _ in range(2):
        groups = list(sampler)
        assert sorted(i for g in groups for i in g) == list(range(len(lengths)))
        assert len(groups) == len(sampler)


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="token_budget=0 must be at least 1"):
        bucket([1], 0)
