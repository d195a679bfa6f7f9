import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spamft.plumbing.buckets import BucketSampler, SimilarLengths, bucket, windows


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


@given(st.lists(st.integers(1, 300), min_size=1, max_size=300), st.integers(1, 9))
def test_similar_lengths_are_a_partition_into_batches_of_one_size(lengths, size):
    sampler = SimilarLengths(lengths, size, torch.Generator().manual_seed(1))
    for _ in range(2):
        batches = list(sampler)
        assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
        assert len(batches) == len(sampler)
        sizes = sorted(map(len, batches))
        assert sizes[1:] == [size] * (len(batches) - 1) and sizes[0] <= size


def test_similar_lengths_need_little_padding():
    lengths = torch.randint(5, 80, (800,)).tolist()
    sampler = SimilarLengths(lengths, 8, torch.Generator().manual_seed(1))
    padded = sum(len(b) * max(lengths[i] for i in b) for b in sampler)
    assert padded < 1.15 * sum(lengths)


def test_each_example_weighs_the_same_in_a_step_whatever_its_length():
    """So the expected gradient of a step is the mean over all examples."""
    lengths, size, draws = list(range(1, 43)), 4, 6000  # 10 batches, and one of 2
    sampler = SimilarLengths(lengths, size, torch.Generator().manual_seed(1))
    first = torch.zeros(draws, len(lengths))  # an example's share of the first batch
    for share in first:
        batch = next(iter(sampler))
        share[batch] = 1 / len(batch)
    # 42 means: none may be far from 1 / 42, by its own standard error
    error = first.std(0) / draws**0.5
    assert ((first.mean(0) - 1 / len(lengths)).abs() < 4.5 * error).all()


def test_a_batch_is_as_likely_to_have_any_two_of_one_length():
    """Chance still decides who meets whom, as far as lengths leave it a choice."""
    sampler = SimilarLengths([7] * 12, 3, torch.Generator().manual_seed(1))
    met = torch.zeros(12, 12)
    for _ in range(3000):
        for batch in sampler:
            met[torch.tensor(batch)[:, None], torch.tensor(batch)] += 1
    pairs = met[~torch.eye(12, dtype=bool)]
    # each count is binomial: 3000 x 2 / 11 expected, with a standard deviation of 21
    assert (pairs - 3000 * 2 / 11).abs().max() < 5 * 21


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 6), st.integers(1, 20))
def test_windows_keep_the_order_and_both_limits(sizes, count, size):
    cut = list(windows(enumerate(sizes), count, size))
    assert [place for window in cut for place in window] == list(range(len(sizes)))
    for window in cut:
        total = sum(sizes[place] for place in window)
        assert 0 < len(window) <= count and (total <= size or len(window) == 1)


def test_a_full_window_does_not_wait_for_what_comes_after_it():
    read = []
    items = ((read.append(i) or i, 1) for i in range(9))
    assert next(windows(items, 3, 100)) == [0, 1, 2] and read == [0, 1, 2]


def test_windows_that_begin_where_one_ended_are_the_same(sizes=(3, 1, 4, 1, 5, 9, 2)):
    whole = list(windows(enumerate(sizes), 3, 8))
    later = enumerate(sizes[len(whole[0]) :], start=len(whole[0]))
    assert list(windows(later, 3, 8)) == whole[1:]
