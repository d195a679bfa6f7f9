"""Resuming is tested where it is used: in test_train.py."""

import math

import pytest
import torch
from torch import nn

from spamft.plumbing.bookkeeping import BestWeights, Tally, not_finite


def test_a_tally_weighs_each_step_by_its_labels_and_starts_anew():
    tally = Tally()
    tally.add(0.1, torch.tensor(1.0), torch.tensor(2), torch.tensor(4), 4)
    tally.add(0.1, torch.tensor(4.0), torch.tensor(1), torch.tensor(2), 2)
    assert tally.close(2) == (2.0, 0.5) and tally.examples == 6
    tally.add(0.1, torch.tensor(3.0), torch.tensor(1), torch.tensor(1), 1)
    assert tally.close(3) == (3.0, 1.0) and tally.examples == 7


def test_the_first_step_that_is_not_finite_is_named():
    tally = Tally()
    for rate, loss in ((0.1, 1.0), (0.2, math.inf), (0.3, math.nan)):
        tally.add(rate, torch.tensor(loss), torch.tensor(0), torch.tensor(1), 1)
    with pytest.raises(ValueError, match="at step 6 with learning rate 0.2"):
        tally.close(7)
    assert "try a smaller one" in not_finite("loss", 1, 0.1)


def test_the_best_weights_come_back_also_from_a_stored_state():
    layer = nn.Linear(1, 1)
    best = BestWeights(list(layer.parameters()), patience=2)
    for loss in (2.0, 1.0):
        best.note(loss)
        assert not best.are_past
    good = [p.clone() for p in layer.parameters()]
    nn.init.constant_(layer.weight, 9.0)
    for loss, past in ((1.5, False), (1.0, True)):
        best.note(loss)
        assert best.are_past == past
    again = BestWeights(list(layer.parameters()), patience=2)
    again.load(best.state())
    again.restore()
    assert all(map(torch.equal, good, layer.parameters()))


def test_without_patience_nothing_is_copied():
    best = BestWeights([], None)
    best.note(1.0)
    assert not best.are_past and best.copies is None
