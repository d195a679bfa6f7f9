import copy

import pytest
import torch
from solving import try_out

from spamft.batches import encode_splits, make_bucketed_loader, make_loader
from spamft.check import check
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import Splits, encode_labels
from spamft.train import TrainConfig, fit
from spamft.trunk import cache_trunk

TRIALS = {
    "7b.1": ("(ended, kept_loss)", "ended = 1"),
    "7b.2": ("nudge", None),
    "7b.3": ("half", "half = neither"),
}


@pytest.fixture
def at_hand(messages, tiny_gpt, tokenizer):
    df = encode_labels(messages, ("ham", "spam"))
    df = df.loc[df.index.repeat(4)]
    encoded = encode_splits(Splits(df, df, df), tokenizer, 64)
    model = GPTClassifier(tiny_gpt, seed=123)
    set_trainable(model, "last_block")
    start, cached = cache_trunk(model, encoded)
    watched = make_bucketed_loader(cached.validation)

    def at(lr):
        loader = make_loader(cached.train, 8, shuffle=True, drop_last=True)
        config = TrainConfig(epochs=2, lr=lr)
        return fit(copy.deepcopy(start), loader, watched, config)

    return {
        "copy": copy,
        "make_loader": make_loader,
        "fit": fit,
        "TrainConfig": TrainConfig,
        "EPOCHS": 2,
        "start": start,
        "cached": cached,
        "watched": watched,
        "losses": [0.52, 0.40, 0.41, 0.43, 0.39, 0.45],
        "logits": torch.randn(60, 3),
        "labels": torch.randint(3, (60,)),
        "histories": {"0.001": at(1e-3)},
        "neither": at(1e-4),
    }


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, at_hand, tmp_path):
    spelled = {"whole": 'histories["0.001"]', "messages": "len(cached.train)"}
    try_out(name, TRIALS[name], at_hand, tmp_path, **spelled)


@pytest.mark.parametrize(
    "answer, words",
    [((4, 0.43), "put back"), ((3, 0.40), "not yet two"), ((6, 0.39), "looks ahead")],
)
def test_what_else_is_confused_about_patience_is_named(answer, words, tmp_path):
    losses = [0.52, 0.40, 0.41, 0.43, 0.39, 0.45]
    told = check("7b.1", answer, losses=losses, folder=tmp_path)
    assert told.outcome == "misconception" and words in told.text


def test_a_nudge_that_changes_a_prediction_is_named(at_hand, tmp_path):
    given = {name: at_hand[name] for name in ("logits", "labels")}
    told = check("7b.2", 100, **given, folder=tmp_path)
    assert told.outcome == "misconception" and "Take less" in told.text
    told = check("7b.2", -1e-4, **given, folder=tmp_path)
    assert told.outcome == "misconception" and "Raise it" in told.text
