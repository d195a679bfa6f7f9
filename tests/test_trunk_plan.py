import torch

from spamft.batches import (
    SpamDataset,
    TokenDataset,
)
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import encode_labels
from spamft.trunk import cache_trunk, plan_trunk


def dataset_of(messages, tokenizer, fixed_width=False) -> TokenDataset:
    df = encode_labels(messages)
    return SpamDataset(df, tokenizer, 30, fixed_width=fixed_width)


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
