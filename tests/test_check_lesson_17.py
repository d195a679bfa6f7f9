import math

import pytest
from solving import try_out

from notebooks.build import HERE
from spamft.models.llama import LlamaConfig

TRIALS = {
    "17.1": ("numbers_per_token", "numbers_per_token = 1"),
    "17.2": ("tokens_per_turn", "tokens_per_turn = 8192"),
    "17.3": ("without_blocks", "without_blocks = 0.11"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    at_hand = {
        "math": math,
        "LlamaConfig": LlamaConfig,
        "score": lambda blocks: 0.4 + blocks / 100,
        "frozen": 0.58,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)


def test_the_committed_page_was_built_with_smollm2_and_not_with_the_stand_in():
    """SPAMFT_SMOLLM2 must name its file when notebooks/build.py runs."""
    page = (HERE / "17_modern_llm.ipynb").read_text(encoding="utf-8")
    assert "134,515,008 parameters" in page
