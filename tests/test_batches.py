import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spamft.batches import (
    SpamDataset,
    TokenDataset,
    collate,
    encode_splits,
    encode_texts,
    make_bucketed_loader,
    make_loader,
)
from spamft.data import Splits, encode_labels


@pytest.fixture
def dataset(messages, tokenizer):
    return SpamDataset(encode_labels(messages), tokenizer)


def frame(*texts: str) -> pd.DataFrame:
    return pd.DataFrame({"Label": [0] * len(texts), "Text": texts})


def test_the_longest_message_decides_the_length(dataset, messages):
    assert dataset.max_length == max(map(len, messages["Text"]))


def test_long_messages_are_cut_to_max_length(tokenizer):
    dataset = SpamDataset(frame("abcdefgh", "abc"), tokenizer, max_length=5)
    assert [bytes(ids) for ids in dataset.ids] == [b"abcde", b"abc"]


def test_an_empty_message_is_one_end_token(tokenizer):
    assert SpamDataset(frame("", "a"), tokenizer).ids == [[256], [97]]


def test_an_end_token_in_a_message_is_text(tokenizer):
    assert encode_texts(["<|endoftext|>"], tokenizer) == [list(b"<|endoftext|>")]


def test_labels_must_be_numbers(messages, tokenizer):
    with pytest.raises(ValueError, match="call encode_labels first"):
        SpamDataset(messages, tokenizer)


def test_no_messages_are_refused(messages, tokenizer):
    with pytest.raises(ValueError, match="no messages"):
        SpamDataset(messages[:0], tokenizer)


def test_collate_pads_on_the_right_and_counts_what_is_real():
    batch = collate([([1, 2, 256], 0), ([4], 1)], pad_id=256)
    assert batch.ids.tolist() == [[1, 2, 256], [4, 256, 256]]
    assert batch.lengths.tolist() == [3, 1]  # a real end token counts
    assert batch.labels.tolist() == [0, 1]


def test_collate_pads_to_a_width_and_refuses_one_too_small():
    assert collate([([1], 0)], 9, width=3).ids.tolist() == [[1, 9, 9]]
    with pytest.raises(ValueError, match="width=2 is less than .* 3"):
        collate([([1, 2, 3], 0)], 9, width=2)


@given(st.lists(st.lists(st.integers(0, 255), min_size=1), min_size=1))
def test_collate_loses_nothing(ids):
    batch = collate([(tokens, 0) for tokens in ids], pad_id=256)
    kept = [row[:n].tolist() for row, n in zip(batch.ids, batch.lengths, strict=True)]
    assert kept == ids
    assert (batch.ids != 256).sum() == batch.lengths.sum()


def test_every_loader_brings_every_message_once(dataset):
    for loader in (
        make_loader(dataset, 5),
        make_loader(dataset, 5, shuffle=True),
        make_loader(dataset, 5, shuffle=True, similar=True),
        make_bucketed_loader(dataset, 40),
        make_bucketed_loader(dataset, 40, shuffle=True),
    ):
        rows = [row for b in loader for row in zip(b.ids, b.lengths, strict=True)]
        texts = sorted(bytes(ids[:n].tolist()).decode() for ids, n in rows)
        assert texts == sorted(bytes(ids).decode() for ids in dataset.ids)


def test_similar_lengths_are_for_shuffled_batches(dataset):
    with pytest.raises(ValueError, match="similar= shuffles, and drops nothing"):
        make_loader(dataset, 5, similar=True)


@pytest.mark.parametrize("make", [make_loader, make_bucketed_loader])
def test_a_shuffled_loader_repeats_for_a_seed_and_changes_by_epoch(dataset, make):
    first, again = (make(dataset, 40, shuffle=True, seed=1) for _ in range(2))
    orders = [[batch.labels.tolist() for batch in loader] for loader in (first, again)]
    assert orders[0] == orders[1]
    assert [[b.labels.tolist() for b in first] for _ in range(3)] != [orders[0]] * 3


def test_the_lectures_parts_give_its_130_19_and_38_batches(tokenizer):
    parts = [SpamDataset(frame(*"a" * n), tokenizer) for n in (1045, 149, 300)]
    loaders = [make_loader(p, drop_last=i == 0) for i, p in enumerate(parts)]
    assert [len(loader) for loader in loaders] == [130, 19, 38]


def test_the_lecture_drops_the_ragged_batch(dataset):
    assert len(make_loader(dataset, 5, drop_last=True)) == 3  # of 16 messages
    assert len(make_loader(dataset, 5)) == 4


def test_reading_one_loader_does_not_move_another(dataset):
    lone = [b.ids for b in make_loader(dataset, 4, shuffle=True)]
    busy = []
    for batch in make_loader(dataset, 4, shuffle=True):
        list(make_loader(dataset, 2, shuffle=True))
        torch.rand(3)
        busy.append(batch.ids)
    assert all(a.equal(b) for a, b in zip(lone, busy, strict=True))


def test_a_loader_can_stop_after_some_batches_in_order(dataset):
    first = [b.labels.tolist() for b in make_loader(dataset, 5, batches=2)]
    assert first == [b.labels.tolist() for b in make_loader(dataset, 5)][:2]
    assert len(make_loader(dataset, 5, batches=99)) == 4  # there are no more


def test_all_parts_are_cut_to_the_longest_training_message(tokenizer):
    splits = Splits(frame("abc", "abcd"), frame("abcdefgh"), frame("a"))
    encoded = encode_splits(splits, tokenizer, context=64)
    assert isinstance(encoded, Splits)
    assert [part.max_length for part in encoded] == [4, 4, 4]
    assert bytes(encoded.validation.ids[0]) == b"abcd"
    short = encode_splits(splits, tokenizer, context=64, max_length=2)
    assert [max(map(len, part.ids)) for part in short] == [2, 2, 1]
    assert encode_splits(splits, tokenizer, context=3).train.max_length == 3
    with pytest.raises(ValueError, match="max_length=65 exceeds the model's context"):
        encode_splits(splits, tokenizer, context=64, max_length=65)


def test_with_a_fixed_width_every_batch_is_as_wide_as_the_longest(tokenizer):
    splits = Splits(frame("abc", "abcd"), frame("a", "b"), frame("a"))
    for part in encode_splits(splits, tokenizer, context=64, fixed_width=True):
        assert part.lengths == [4] * len(part)
        assert {b.ids.shape[1] for b in make_loader(part, 1)} == {4}


def test_token_ids_of_ones_own_make_a_dataset_too():
    dataset = TokenDataset([[1, 2], [3]], [0, 1], pad_id=9)
    [batch] = make_bucketed_loader(dataset)
    assert batch.ids.tolist() == [[1, 2], [3, 9]] and batch.labels.tolist() == [0, 1]
