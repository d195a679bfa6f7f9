import copy

from instructions import needs_int8

from spamft.batches import (
    SpamDataset,
    TokenDataset,
)
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import encode_labels
from spamft.models.attention import with_attention
from spamft.models.precision import lower_precision
from spamft.trunk import cache_trunk, plan_trunk


def dataset_of(messages, tokenizer, fixed_width=False) -> TokenDataset:
    df = encode_labels(messages)
    return SpamDataset(df, tokenizer, 30, fixed_width=fixed_width)


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


def test_kept_states_are_those_of_one_attention(
    three_blocks, messages, tokenizer, tmp_path
):
    datasets, keep, states = [dataset_of(messages, tokenizer)], tmp_path / "kept", []
    for attention in ("causal", "full", "full"):
        model, lines = GPTClassifier(with_attention(three_blocks, attention)), []
        set_trainable(model, "last_block")
        _, [hidden] = cache_trunk(model, datasets, keep=keep, log=lines.append)
        states.append((hidden[0][0].clone(), "read from" in lines[-1]))
    assert [read for _, read in states] == [False, False, True]
    assert not states[0][0].allclose(states[1][0], atol=1e-2)
    assert states[1][0].equal(states[2][0])


@needs_int8
def test_kept_states_are_those_of_one_precision(
    three_blocks, messages, tokenizer, tmp_path
):
    datasets, keep, states = [dataset_of(messages, tokenizer)], tmp_path / "kept", []
    for precision in ("float32", "bf16", "int8", "int8"):
        model, lines = GPTClassifier(copy.deepcopy(three_blocks)), []
        set_trainable(model, "last_block")
        lower_precision(model.gpt, precision)
        _, [hidden] = cache_trunk(model, datasets, keep=keep, log=lines.append)
        states.append((hidden[0][0].clone(), "read from" in lines[-1]))
    assert [read for _, read in states] == [False, False, False, True]
    exact, bf16, int8, again = (state for state, _ in states)
    assert int8.equal(again) and not int8.equal(bf16)
    for coarse in (bf16, int8):
        assert 0 < (coarse - exact).norm() / exact.norm() < 0.1
