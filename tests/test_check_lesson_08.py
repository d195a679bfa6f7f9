from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from solving import try_out

from spamft.check import check
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


def test_labels_alone_answer_whether_a_verdict_changes(tmp_path):
    run, wrong = ByRule(), pd.DataFrame({"Text": ["prize", "x"] * 20})
    given = {"run": run, "wrong": wrong, "spam": "spam", "folder": tmp_path}
    labels = ["spam", "ham"] * 10
    assert check("8.2", labels, **given).outcome == "right"
    assert check("8.2", ["ham", "spam"] * 10, **given).outcome == "wrong"


def test_the_precision_may_be_that_of_the_temperature_that_is_taught(tmp_path):
    torch.manual_seed(2)
    logits, labels = torch.randn(400, 2) * 4, torch.randint(2, (400,))

    def precision(threshold, temperature):
        held = (logits / temperature).softmax(-1)[:, 1] > threshold
        return labels[held].float().mean().item()

    given = {"logits": logits, "labels": labels, "folder": tmp_path}
    for temperature, outcome in ((1.0, "right"), (2.4, "right"), (0.2, "wrong")):
        told = check("8.3", lambda at, T=temperature: precision(at, T), **given)
        assert told.outcome == outcome, temperature


def test_a_short_text_is_told_which_word_decides_it(tmp_path):
    told = check("8.1", "a prize", run=ByRule(), spam="spam", folder=tmp_path)
    assert told.outcome == "right" and "as it stands" in told.text
