import copy
from dataclasses import replace

import pytest
import torch

from spamft.batches import SpamDataset, make_bucketed_loader, make_loader
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import encode_labels
from spamft.evaluate import evaluate, predict
from spamft.gpt import GPT
from spamft.train import TrainConfig, fit
from spamft.trunk import Top, find_cut, plan_trunk, run_trunk

CONFIG = TrainConfig(epochs=3, lr=1e-3, eval_every=1)
WAYS = [("last_real", False), ("last", True), ("mean", False), ("first", True)]


@pytest.fixture(params=["head", "last_block", "last_two_blocks"])
def scope(request):
    return request.param


@pytest.fixture
def three_blocks(tiny_gpt) -> GPT:
    gpt = GPT(replace(tiny_gpt.config, n_layers=3))
    for parameter in gpt.parameters():  # large weights: errors would show
        torch.nn.init.normal_(parameter, std=0.3)
    return gpt


def loaders(messages, tokenizer, fixed_width=False):
    dataset = SpamDataset(
        encode_labels(messages), tokenizer, 30, fixed_width=fixed_width
    )
    return [
        make_loader(dataset, 3, shuffle=True, drop_last=fixed_width),
        make_bucketed_loader(dataset, 50),
    ]


@pytest.mark.parametrize("pooling, fixed_width", WAYS)
def test_cached_training_is_training(
    three_blocks, messages, tokenizer, scope, pooling, fixed_width
):
    """The same losses at every step, and the same whole model in the end."""
    models, histories = [], []
    for cached in (False, True):
        model = GPTClassifier(copy.deepcopy(three_blocks), pooling=pooling)
        set_trainable(model, scope)
        pair = loaders(messages, tokenizer, fixed_width)
        if cached:
            with run_trunk(model, pair) as (top, pair):
                histories.append(fit(top, *pair, CONFIG))
        else:
            histories.append(fit(model, *pair, CONFIG))
        models.append(model)
    for plain, fast in zip(*histories, strict=True):
        assert fast.train_loss == pytest.approx(plain.train_loss, abs=1e-4)
        assert fast.validation_loss == pytest.approx(plain.validation_loss, abs=1e-4)
    answers = [predict(m, loaders(messages, tokenizer)[1])[0] for m in models]
    torch.testing.assert_close(*answers, atol=1e-3, rtol=1e-3)
    assert answers[0].argmax(-1).equal(answers[1].argmax(-1))


@pytest.mark.parametrize("pooling, fixed_width", WAYS)
def test_the_top_says_what_the_whole_model_says(
    three_blocks, messages, tokenizer, scope, pooling, fixed_width
):
    model = GPTClassifier(three_blocks, pooling=pooling)
    set_trainable(model, scope)
    pair = loaders(messages, tokenizer, fixed_width)
    expected = predict(model, pair[1])
    with run_trunk(model, pair) as (top, hidden):
        logits, labels = predict(top, hidden[1])
    torch.testing.assert_close(logits, expected[0], atol=1e-5, rtol=1e-5)
    assert labels.equal(expected[1])


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


def test_when_all_trains_nothing_is_cached_and_it_says_so(
    three_blocks, messages, tokenizer
):
    model, said = GPTClassifier(three_blocks), []
    set_trainable(model, "all")
    pair = loaders(messages, tokenizer)
    with run_trunk(model, pair, log=said.append) as (top, same):
        assert top is model and same == pair
    assert said == ["trunk: every block trains, so nothing is run once and kept"]


def test_equal_messages_are_computed_once(three_blocks, messages, tokenizer):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    once, twice = messages, messages.loc[[*messages.index] * 2].reset_index(drop=True)
    plans = [plan_trunk(model, loaders(df, tokenizer)) for df in (once, twice)]
    assert plans[0] == plans[1]
    assert plans[0].messages == 16
    assert plans[0].tokens == sum(map(len, messages["Text"]))


def test_the_size_is_known_and_said_before_the_pass(three_blocks, messages, tokenizer):
    model, said = GPTClassifier(three_blocks), []
    pair = loaders(messages, tokenizer)
    for scope, rows in (("last_block", sum(map(len, messages["Text"]))), ("head", 16)):
        set_trainable(model, scope)
        assert plan_trunk(model, pair).bytes == rows * 16 * 4
        assert plan_trunk(model, pair, torch.bfloat16).bytes == rows * 16 * 2
    with run_trunk(model, pair, log=said.append):
        assert "16 different messages" in said[0] and "GFLOP/s" in said[1]


def test_above_the_budget_states_lie_in_a_file_that_goes_away(
    three_blocks, messages, tokenizer, tmp_path
):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    pair = loaders(messages, tokenizer)
    with run_trunk(model, pair) as (top, hidden):
        expected = predict(top, hidden[1])[0]
    with run_trunk(model, pair, memory_budget=9, folder=tmp_path) as (top, hidden):
        [file] = tmp_path.iterdir()
        assert file.stat().st_size == plan_trunk(model, pair).bytes
        assert predict(top, hidden[1])[0].equal(expected)
    assert list(tmp_path.iterdir()) == []
    with (
        pytest.raises(ValueError, match="exceed the budget of 0 MB: raise it"),
        run_trunk(model, pair, memory_budget=9),
    ):
        pass


def test_the_file_goes_away_after_an_error_too(
    three_blocks, messages, tokenizer, tmp_path
):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "head")
    with (
        pytest.raises(KeyError),
        run_trunk(
            model, loaders(messages, tokenizer), memory_budget=9, folder=tmp_path
        ),
    ):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_bfloat16_storage_is_close_and_half_as_large(three_blocks, messages, tokenizer):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    pair = loaders(messages, tokenizer)
    exact = evaluate(model, pair[1]).loss
    with run_trunk(model, pair, dtype=torch.bfloat16) as (top, hidden):
        assert evaluate(top, hidden[1]).loss == pytest.approx(exact, rel=0.05)
    with pytest.raises(ValueError, match="must be torch.float32 or torch.bfloat16"):
        plan_trunk(model, pair, torch.float16)


def test_dropout_in_the_trunk_is_refused(three_blocks, messages, tokenizer):
    gpt = GPT(replace(three_blocks.config, dropout=0.1))
    model = GPTClassifier(gpt)
    set_trainable(model, "last_block")
    with (
        pytest.raises(ValueError, match="dropout 0.1 makes the frozen blocks another"),
        run_trunk(model, loaders(messages, tokenizer)),
    ):
        pass


def test_stale_states_are_not_trained_on(three_blocks, messages, tokenizer):
    model = GPTClassifier(three_blocks)
    set_trainable(model, "last_block")
    with run_trunk(model, loaders(messages, tokenizer)) as (top, hidden):
        assert isinstance(top, Top)
        set_trainable(model, "last_two_blocks")
        with pytest.raises(ValueError, match="run the trunk again"):
            fit(top, *hidden, CONFIG)


def test_the_pass_leaves_the_mode_alone(three_blocks, messages, tokenizer):
    model = GPTClassifier(three_blocks).train()
    set_trainable(model, "last_block")
    with run_trunk(model, loaders(messages, tokenizer)):
        assert model.training
