import numpy as np

from spamft.insight.active import Candidates, choose, margins
from spamft.sources.duplicates import duplicate_key


def test_a_margin_is_the_lead_of_the_first_over_the_second():
    shares = np.array([[0.2, 0.5, 0.3], [1.0, 0.0, 0.0]])
    assert np.allclose(margins(shares), [0.2, 1.0])


def test_candidates_in_pieces_are_those_of_all_at_once():
    random = np.random.default_rng(0)
    texts = [f"message {'x' * i}" for i in range(60)]
    lead, features = random.random(60), random.random((60, 3))
    pieces = Candidates(7)
    for start in range(0, 60, 8):
        piece = slice(start, start + 8)
        pieces.add(texts[piece], lead[piece], features[piece])
    best = np.argsort(lead)[:7]
    assert pieces.texts == [texts[i] for i in best]
    assert np.array_equal(pieces.features, features[best])
    assert np.array_equal(pieces.margins, lead[best])


def test_what_is_known_kept_repeated_or_empty_is_not_fresh():
    candidates = Candidates(5, {duplicate_key("Win 100!")})
    candidates.add(["hello"], np.array([0.1]), np.zeros((1, 2)))
    assert candidates.fresh(["win 200", "HELLO", " ", "new", "New!", "other"]) == [
        "new",
        "other",
    ]


def test_neighbours_of_the_chosen_are_left_out():
    random = np.random.default_rng(0)
    crowd, apart = random.normal(0, 0.001, (4, 3)), random.normal(0, 1, (20, 3))
    chosen = choose(np.concatenate([crowd, apart]), 8).tolist()
    assert chosen[0] == 0 and not {1, 2, 3} & set(chosen)
    assert chosen == sorted(chosen)  # the least certain first


def test_as_many_as_wanted_are_chosen_and_none_twice():
    features = np.random.default_rng(0).random((30, 4)).repeat(2, 0)
    for count in (1, 10, 60, 99):
        chosen = choose(features, count)
        assert len(chosen) == len(set(chosen)) == min(count, 60)
        assert chosen[0] == 0
    assert len(choose(np.zeros((0, 4)), 3)) == 0
    assert choose(np.zeros((1, 4)), 3).tolist() == [0]
