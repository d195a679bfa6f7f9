import numpy as np
import pandas as pd
import pytest

from spamft.plumbing.errors import SpamftError
from spamft.sources.draws import draw_order, training_sizes


@pytest.fixture
def drawn():
    """100 messages of three classes; 40 duplicates in groups of 2 to 4."""
    random = np.random.default_rng(0)
    labels = random.choice(3, size=100, p=[0.6, 0.3, 0.1])
    groups = pd.Series(np.minimum(random.integers(0, 90, 100), 60))
    return pd.DataFrame({"Label": labels, "Text": "x"}), groups


def test_every_row_is_drawn_once_and_by_seed(drawn):
    orders = [draw_order(*drawn, seed).tolist() for seed in (1, 1, 2)]
    assert sorted(orders[0]) == list(range(100))
    assert orders[0] == orders[1] != orders[2]


def test_every_beginning_is_as_balanced_as_the_data_allow(drawn):
    labels = drawn[0]["Label"].to_numpy()
    rarest = np.bincount(labels).min()
    for seed in range(3):
        order = draw_order(*drawn, seed)
        for size in range(1, 100):
            counts = np.bincount(labels[order[:size]], minlength=3)
            left = np.bincount(labels, minlength=3) - counts
            assert counts[left > 0].max(initial=0) - counts.min() <= 1 or (
                counts.min() == rarest
            )


def test_duplicates_follow_each_other_within_their_class(drawn):
    df, groups = drawn
    order = draw_order(df, groups, 1)
    for label in range(3):
        found = groups[order][df["Label"][order] == label].to_numpy()
        changes = 1 + (found[1:] != found[:-1]).sum()
        assert changes == len(set(found))


def test_sizes_double_up_to_all_without_one_that_is_nearly_all():
    def sizes(count, classes=2):
        return training_sizes(pd.Series(np.arange(count) % classes))

    assert sizes(100) == [8, 16, 32, 64, 100]
    assert sizes(1045) == [8, 16, 32, 64, 128, 256, 512, 1045]
    assert sizes(100, classes=10) == [32, 64, 100]
    with pytest.raises(SpamftError, match="9 messages .* too few"):
        sizes(9)
