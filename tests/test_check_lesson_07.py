import copy

import pytest
import torch
from solving import try_out

from spamft.batches import encode_splits, make_bucketed_loader, make_loader
from spamft.check import check
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import Splits, encode_labels
from spamft.evaluate import evaluate
from spamft.train import TrainConfig, fit
from spamft.trunk import cache_trunk

TRIALS = {
    "7.1": ("steps", "steps = 7"),
    "7.2": ("moved", "moved = {5, 6}"),
    "7.3": ("head_only", "head_only = other"),
}


@pytest.fixture
def at_hand(messages, tiny_gpt, tokenizer):
    df = encode_labels(messages, ("ham", "spam"))
    encoded = encode_splits(Splits(df, df, df), tokenizer, 64)
    untrained = GPTClassifier(tiny_gpt, seed=123)
    set_trainable(untrained, "last_block")
    model = copy.deepcopy(untrained)
    learner, cached = cache_trunk(model, encoded)
    loader = make_loader(cached.train, 8, shuffle=True, drop_last=True, seed=123)
    recipe = TrainConfig(epochs=3, lr=0.003)
    watched = make_bucketed_loader(cached.validation)
    history = fit(learner, loader, watched, recipe)
    # neither the untrained body nor a head that learned
    other = copy.deepcopy(model)
    other.head.weight.data.neg_().mul_(9)
    other.head.bias.data = torch.tensor([-9.0, 9.0])
    return {
        "copy": copy,
        "torch": torch,
        "set_trainable": set_trainable,
        "cache_trunk": cache_trunk,
        "make_loader": make_loader,
        "make_bucketed_loader": make_bucketed_loader,
        "fit": fit,
        "evaluate": evaluate,
        "SEED": 123,
        "encoded": encoded,
        "untrained": untrained,
        "model": model,
        "other": other,
        "train_loader": loader,
        "recipe": recipe,
        "config": recipe,
        "history": history,
    }


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, at_hand, tmp_path):
    try_out(name, TRIALS[name], at_hand, tmp_path)


def test_a_head_that_has_not_learned_is_named(at_hand, tmp_path):
    names = ("untrained", "model", "encoded")
    given = {name: at_hand[name] for name in names}
    answer = check("7.3", copy.deepcopy(at_hand["untrained"]), **given, folder=tmp_path)
    assert answer.outcome == "misconception" and "not learned" in answer.text
