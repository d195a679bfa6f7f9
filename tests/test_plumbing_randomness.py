import random

import numpy as np
import torch

from spamft.plumbing.checkpoint import load_checkpoint, save_checkpoint
from spamft.plumbing.randomness import get_random_states, set_random_states


def draw() -> list[float]:
    return [random.random(), float(np.random.rand()), torch.rand(1).item()]


def test_all_generators_go_on_where_they_were_also_from_a_file(tmp_path):
    draw()
    random.gauss()  # leaves half a pair behind
    save_checkpoint(tmp_path / "file", get_random_states())
    expected = [draw() for _ in range(3)] + [random.gauss()]
    set_random_states(load_checkpoint(tmp_path / "file"))
    assert [draw() for _ in range(3)] + [random.gauss()] == expected
