import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

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
from spamft.methods.lora import LoRAConfig, add_lora, lora_layers
from spamft.methods.nf4 import quantize_linears
from spamft.train import TrainConfig, fit
from spamft.trunk import TrainablePart, cache_trunk, find_cut, last_token, plan_trunk

CONFIG = TrainConfig(epochs=3, lr=1e-3, eval_every=1)
READINGS = [("last_real", False), ("last", True), ("mean", False), ("first", True)]


@pytest.fixture(params=["head", "last_block", "last_two_blocks"])
def scope(request):
    return request.param


@pytest.fixture
def three_blocks(tiny_gpt) -> GPT:
    gpt = GPT(replace(tiny_gpt.config, n_layers=3))
    for parameter in gpt.parameters():  # large weights: errors would show
        nn.init.normal_(parameter, std=0.3)
    return gpt


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
    three_blocks, messages, tokenizer, scope, pooling, fixed_width
):
    """The same losses at every step, and the same whole model in the end."""
    models, histories = [], []
    dataset = dataset_of(messages, tokenizer, fixed_width)
    for cached in (False, True):
        model = GPTClassifier(copy.deepcopy(three_blocks), pooling=pooling)
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
    three_blocks, messages, tokenizer, scope, pooling, fixed_width
):
    model = GPTClassifier(three_blocks, pooling=pooling)
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


def with_lora(gpt):
    add_lora(gpt, LoRAConfig(rank=4, also=()))
    for layer in lora_layers(gpt).values():
        nn.init.normal_(layer.B, std=0.3)


@pytest.mark.parametrize("change", [lambda gpt: None, with_lora, quantize_linears])
def test_one_token_at_a_position_equals_the_whole_block(three_blocks, change):
    change(three_blocks)
    x, positions = torch.randn(4, 9, 16), torch.tensor([0, 3, 8, 5])
    block = three_blocks.blocks[0]
    expected = block(x)[torch.arange(4), positions]
    torch.testing.assert_close(
        last_token(block, x, positions), expected, atol=1e-5, rtol=1e-5
    )


def test_one_token_has_the_same_gradients_as_the_whole_block(tiny_gpt):
    block, gradients = tiny_gpt.blocks[0], []
    at_4 = torch.tensor([4])
    for read in (lambda x: last_token(block, x, at_4), lambda x: block(x)[:, 4]):
        torch.manual_seed(1)
        x = torch.randn(1, 9, 16, requires_grad=True)
        block.zero_grad()
        read(x).square().sum().backward()
        gradients.append([x.grad, *(p.grad.clone() for p in block.parameters())])
    for one, whole in zip(*gradients, strict=True):
        torch.testing.assert_close(one, whole, atol=1e-5, rtol=1e-4)


def test_a_block_that_cannot_be_taken_apart_is_computed_whole():
    block, x = nn.Linear(5, 5), torch.randn(2, 3, 5)
    assert last_token(block, x, torch.tensor([0, 2])).equal(
        block(x)[torch.arange(2), torch.tensor([0, 2])]
    )


def test_a_pooling_of_ones_own_is_cached_too(
    three_blocks, messages, tokenizer, monkeypatch
):
    highest = Pooling(lambda hidden, lengths: hidden[:, 0] * 2)
    monkeypatch.setitem(POOLINGS, "doubled", highest)
    test_the_part_that_trains_gives_the_logits_of_the_whole_model(
        three_blocks, messages, tokenizer, "last_block", "doubled", False
    )


# --- where the cut is, and what it costs --------------------------------------------


@pytest.mark.parametrize("scope, cut", [("head", 3), ("last_block", 2), (3, 0), (2, 1)])
def test_the_cut_is_where_training_starts(three_blocks, scope, cut):
    model = GPTClassifier(three_blocks)
    set_trainable(model, scope)
    assert find_cut(model) == cut


def test_a_training_norm_below_a_training_head_is_not_cached(three_blocks):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "head")
    three_blocks.final_norm.requires_grad_(True)
    assert find_cut(model) == 2


def test_a_training_embedding_leaves_nothing_to_cache(three_blocks):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "head")
    three_blocks.pos_emb.requires_grad_(True)
    assert find_cut(model) == 0


def test_when_all_trains_the_datasets_come_back_and_it_says_so(
    three_blocks, messages, tokenizer
):
    model, lines = GPTClassifier(three_blocks), []
    set_trainable(model, "all")
    datasets = [dataset_of(messages, tokenizer)]
    learner, same = cache_trunk(model, datasets, log=lines.append)
    assert same is datasets and learner.plan is None
    assert lines == ["trunk: the first block trains, so nothing is cached"]


def test_messages_with_the_same_tokens_are_computed_once(
    three_blocks, messages, tokenizer
):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    once, twice = messages, messages.loc[[*messages.index] * 2].reset_index(drop=True)
    plans = [plan_trunk(model, [dataset_of(df, tokenizer)]) for df in (once, twice)]
    assert plans[0] == plans[1]
    assert plans[0].messages == 16
    assert plans[0].tokens == sum(map(len, messages["Text"]))


def test_the_size_is_known_and_told_before_the_pass(three_blocks, messages, tokenizer):
    model, lines = GPTClassifier(three_blocks), []
    datasets = [dataset_of(messages, tokenizer)]
    for scope, rows in (("last_block", sum(map(len, messages["Text"]))), ("head", 16)):
        set_trainable(model, scope)
        assert plan_trunk(model, datasets).bytes == rows * 16 * 4
        assert plan_trunk(model, datasets, torch.bfloat16).bytes == rows * 16 * 2
    learner, _ = cache_trunk(model, datasets, log=lines.append)
    assert "16 distinct messages" in lines[0] and "GFLOP/s" in lines[1]
    assert learner.plan.seconds > 0


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
    monkeypatch.setattr("spamft.trunk.shutil.disk_usage", lambda folder: full)
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
