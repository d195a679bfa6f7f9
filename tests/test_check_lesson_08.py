from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from solving import try_out

from spamft.use.verdict import Verdict

TRIALS = {
    "8.1": ("short", None),
    "8.2": ("alone", "alone = alone[::-1]"),
    "8.3": ("precision", "precision = lambda threshold: 0.123"),
}


class ByRule:
    """Spam if it has "prize" in it; how sure depends on the length alone."""

    def classify(self, texts):
        if isinstance(texts, str):
            chance = 1 / (1 + len(texts))
            label = "spam" if "prize" in texts.lower() else "ham"
            return Verdict(label, {"ham": 1 - chance, "spam": chance})
        return [self.classify(text) for text in texts]


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    train = pd.DataFrame({"Label": [0, 1], "Text": ["see you", "a prize for you"]})
    at_hand = {
        "run": ByRule(),
        "spam": "spam",
        "data": SimpleNamespace(splits=SimpleNamespace(train=train)),
        "wrong": pd.DataFrame({"Text": ["x" * n for n in range(40)]}),
        "logits": torch.randn(60, 2) * 3,
        "labels": torch.randint(2, (60,)),
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)
