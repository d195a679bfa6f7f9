import pytest
from torch import nn

from spamft.plumbing.modes import evaluation_mode


def test_every_part_gets_its_own_mode_back_also_after_an_error():
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    model[0].eval()
    with pytest.raises(KeyboardInterrupt), evaluation_mode(model):
        assert not any(part.training for part in model.modules())
        raise KeyboardInterrupt
    assert [part.training for part in model.modules()] == [True, False, True, True]
