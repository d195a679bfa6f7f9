from spamft.batches import (
    SpamDataset,
    TokenDataset,
)
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import encode_labels
from spamft.trunk import plan_trunk


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
