import copy
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from spamft.batches import (
    SpamDataset,
    TokenDataset,
    encode_splits,
    make_bucketed_loader,
    make_loader,
)
from spamft.classifier import POOLINGS, GPTClassifier, Pooling, set_trainable
from spamft.data import Splits, encode_labels
from spamft.evaluate import evaluate, predict
from spamft.gpt import GPT
from spamft.models.attention import ATTENTIONS, with_attention
from spamft.train import TrainConfig, fit
from spamft.trunk import TrainablePart, cache, cache_trunk, plan_trunk

CONFIG = TrainConfig(epochs=3, lr=1e-3, eval_every=1)
READINGS = [("last_real", False), ("last", True), ("mean", False), ("first", True)]


@pytest.fixture(params=["head", "last_block", "last_two_blocks"])
def scope(request):
    return request.param


@pytest.fixture(params=ATTENTIONS)
def gpt(request, three_blocks) -> GPT:
    return with_attention(three_blocks, request.param)


def dataset_of(messages, tokenizer, fixed_width=False) -> TokenDataset:
    df = encode_labels(messages)
    return SpamDataset(df, tokenizer, 30, fixed_width=fixed_width)


def loaders(dataset, fixed_width=False):
    return [
        make_loader(dataset, 3, shuffle=True, drop_last=fixed_width),
        make_bucketed_loader(dataset, 50),
    ]


@pytest.mark.parametrize("pooling, fixed_width", READINGS)
def test_training_on_the_cache_is_training(
    gpt, messages, tokenizer, scope, pooling, fixed_width
):
    """The same losses at every step, and the same whole model in the end."""
    models, histories = [], []
    dataset = dataset_of(messages, tokenizer, fixed_width)
    for cached in (False, True):
        model = GPTClassifier(copy.deepcopy(gpt), pooling=pooling)
        set_trainable(model, scope)
        learner, used = model, dataset
        if cached:
            learner, [used] = cache_trunk(model, [dataset])
        histories.append(fit(learner, *loaders(used, fixed_width), CONFIG))
        models.append(model)
    for plain, fast in zip(*histories, strict=True):
        assert fast.train_loss == pytest.approx(plain.train_loss, abs=1e-4)
        assert fast.validation_loss == pytest.approx(plain.validation_loss, abs=1e-4)
    logits = [predict(m, loaders(dataset)[1])[0] for m in models]
    torch.testing.assert_close(*logits, atol=1e-3, rtol=1e-3)
    assert logits[0].argmax(-1).equal(logits[1].argmax(-1))


@pytest.mark.parametrize("pooling, fixed_width", READINGS)
def test_the_part_that_trains_gives_the_logits_of_the_whole_model(
    gpt, messages, tokenizer, scope, pooling, fixed_width
):
    model = GPTClassifier(gpt, pooling=pooling)
    set_trainable(model, scope)
    dataset = dataset_of(messages, tokenizer, fixed_width)
    expected = predict(model, make_loader(dataset, 4))
    learner, [hidden] = cache_trunk(model, [dataset])
    for some in (
        predict(learner, make_loader(hidden, 4)),
        predict(TrainablePart(model), make_loader(dataset, 4)),
    ):
        torch.testing.assert_close(some[0], expected[0], atol=1e-5, rtol=1e-5)
        assert some[1].equal(expected[1])


def test_given_splits_it_returns_splits_in_their_order(three_blocks, tokenizer):
    import pandas as pd

    parts = Splits(
        *(pd.DataFrame({"Label": [0, 1], "Text": [a, a * 3]}) for a in "abc")
    )
    encoded = encode_splits(parts, tokenizer, 64)
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    learner, hidden = cache_trunk(model, encoded)
    assert isinstance(hidden, Splits)
    for before, after in zip(encoded, hidden, strict=True):
        assert after.lengths == before.lengths and after.labels == before.labels
        torch.testing.assert_close(
            predict(learner, make_loader(after, 2))[0],
            predict(model, make_loader(before, 2))[0],
            atol=1e-5,
            rtol=1e-5,
        )


# --- the last token alone ----------------------------------------------------------


def test_a_pooling_of_ones_own_is_cached_too(
    three_blocks, messages, tokenizer, monkeypatch
):
    highest = Pooling(lambda hidden, lengths: hidden[:, 0] * 2)
    monkeypatch.setitem(POOLINGS, "doubled", highest)
    test_the_part_that_trains_gives_the_logits_of_the_whole_model(
        three_blocks, messages, tokenizer, "last_block", "doubled", False
    )


# --- where the cut is, and what it costs --------------------------------------------


def test_when_all_trains_the_datasets_come_back_and_it_says_so(
    three_blocks, messages, tokenizer
):
    model, lines = GPTClassifier(three_blocks), []
    set_trainable(model, "all")
    datasets = [dataset_of(messages, tokenizer)]
    learner, same = cache_trunk(model, datasets, log=lines.append)
    assert same is datasets and learner.plan is None
    assert lines == ["trunk: the first block trains, so nothing is cached"]


def test_above_the_budget_the_states_lie_in_a_file_without_a_name(
    three_blocks, messages, tokenizer, tmp_path
):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    dataset, where = dataset_of(messages, tokenizer), {"folder": tmp_path}
    learner, [hidden] = cache_trunk(model, [dataset])
    expected = predict(learner, make_loader(hidden, 4))[0]
    learner, [hidden] = cache_trunk(model, [dataset], memory_budget=9, **where)
    assert list(tmp_path.iterdir()) == []  # so nothing can be left behind
    assert predict(learner, make_loader(hidden, 4))[0].equal(expected)


def test_without_room_on_the_disk_all_blocks_run_and_it_says_so(
    three_blocks, messages, tokenizer, tmp_path, monkeypatch
):
    model, lines = GPTClassifier(three_blocks), []
    set_trainable(model, "last_block")
    full = type("Usage", (), {"free": 5})
    monkeypatch.setattr("spamft.trunk.cache.shutil.disk_usage", lambda folder: full)
    datasets = [dataset_of(messages, tokenizer)]
    learner, same = cache_trunk(
        model, datasets, memory_budget=9, folder=tmp_path, log=lines.append
    )
    assert same is datasets and "no room for them" in lines[1]
    fit(learner, *loaders(same[0]), CONFIG)


def test_bfloat16_storage_is_close_and_half_as_large(three_blocks, messages, tokenizer):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    dataset = dataset_of(messages, tokenizer)
    exact = evaluate(model, make_loader(dataset, 4)).loss
    learner, [hidden] = cache_trunk(model, [dataset], dtype=torch.bfloat16)
    loss = evaluate(learner, make_loader(hidden, 4)).loss
    assert loss == pytest.approx(exact, rel=0.05)
    with pytest.raises(ValueError, match="must be torch.float32 or torch.bfloat16"):
        plan_trunk(model, [dataset], torch.float16)


def test_dropout_in_the_trunk_is_refused(three_blocks, messages, tokenizer):
    model = GPTClassifier(GPT(replace(three_blocks.config, dropout=0.1)))
    set_trainable(model, "last_block")
    with pytest.raises(
        ValueError, match="dropout 0.1 changes the frozen blocks' outputs"
    ):
        cache_trunk(model, [dataset_of(messages, tokenizer)])


def test_stale_states_are_not_trained_on(three_blocks, messages, tokenizer):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    learner, [hidden] = cache_trunk(model, [dataset_of(messages, tokenizer)])
    set_trainable(model, "last_two_blocks")
    with pytest.raises(ValueError, match="cache them again"):
        fit(learner, *loaders(hidden), CONFIG)


def test_the_pass_leaves_the_mode_alone(three_blocks, messages, tokenizer):
    model = GPTClassifier(three_blocks).train()
    set_trainable(model, "last_block")
    cache_trunk(model, [dataset_of(messages, tokenizer)])
    assert model.training


@pytest.mark.parametrize("free, place", [(10**9, "meta"), (1000, "cpu")])
def test_hidden_states_stay_on_the_device_while_they_fit_there_twice(
    free, place, three_blocks, messages, tokenizer, monkeypatch
):
    """The meta device stands for a GPU; it computes nothing, so only shapes count."""
    model = GPTClassifier(three_blocks).to("meta")
    set_trainable(model, "last_block")
    monkeypatch.setattr(cache, "free_memory", lambda device: free)
    monkeypatch.setattr("torch.autocast", lambda *args, **how: nullcontext())
    if place == "cpu":  # there is nothing that could be copied
        with pytest.raises(NotImplementedError, match="meta tensor"):
            cache_trunk(model, [dataset_of(messages, tokenizer)])
        return
    _, [hidden] = cache_trunk(model, [dataset_of(messages, tokenizer)], memory_budget=0)
    batch = hidden.collate([hidden[0], hidden[1]])
    assert batch.hidden.device.type == place
    assert batch.lengths.device.type == batch.labels.device.type == "cpu"
