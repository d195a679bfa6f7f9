import pytest
import torch

from spamft.batches import collate
from spamft.classifier import (
    POOLINGS,
    GPTClassifier,
    set_trainable,
    what_trains,
)
from spamft.gpt import GPT, GPTConfig


def padded(texts, width=None):
    return collate([(list(text.encode()), 0) for text in texts], 256, width)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_each_pooling_reads_the_token_it_names(tiny_gpt, pooling):
    model = GPTClassifier(tiny_gpt, pooling=pooling)
    batch = padded(["hello", "hi", "welcome"])
    hidden = tiny_gpt.hidden(batch.ids)  # the whole block, all tokens
    expected = []
    for row, length in zip(hidden, batch.lengths, strict=True):
        read = {
            "last_real": row[length - 1],
            "last": row[-1],
            "first": row[0],
            "mean": row[:length].mean(0),
        }
        expected.append(model.head(read[pooling]))
    torch.testing.assert_close(model(*batch[:2]), torch.stack(expected))


@pytest.mark.parametrize("pooling", ["last_real", "first", "mean"])
def test_padding_and_batch_mates_never_change_a_logit(tiny_gpt, pooling):
    model, texts = GPTClassifier(tiny_gpt, pooling=pooling), ["hello", "hi", "x" * 30]
    together = model(*padded(texts, width=60)[:2])
    alone = torch.cat([model(*padded([text])[:2]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_lectures_last_column_depends_on_the_padding(tiny_gpt):
    """What `pooling="last"` costs: the same message, another answer."""
    model = GPTClassifier(tiny_gpt, pooling="last")
    short, long = model(*padded(["hi"], 4)[:2]), model(*padded(["hi"], 40)[:2])
    assert not torch.allclose(short, long, atol=1e-3)


def test_without_lengths_there_is_no_padding(tiny_gpt):
    model, batch = GPTClassifier(tiny_gpt), padded(["hello", "world"])
    assert model(batch.ids).equal(model(batch.ids, batch.lengths))


@pytest.mark.parametrize(
    "scope, parts",
    [
        ("head", {"head"}),
        ("last_block", {"head", "final_norm", "blocks.1"}),
        (2, {"head", "final_norm", "blocks.1", "blocks.0"}),
        ("all", {"head", "final_norm", "blocks.1", "blocks.0", "tok_emb", "pos_emb"}),
    ],
)
def test_only_the_scope_gets_gradients(tiny_gpt, scope, parts):
    model = GPTClassifier(tiny_gpt)
    trainable = set_trainable(model, scope)
    model(*padded(["hello", "hi"])[:2]).square().sum().backward()
    moved = {
        n.removeprefix("gpt.")
        for n, p in model.named_parameters()
        if p.grad is not None
    }
    assert {
        name.rsplit(".", 1)[0] if "blocks" not in name else name[:8] for name in moved
    } == parts
    assert trainable.trained == sum(
        p.numel() for p in model.parameters() if p.requires_grad
    )
    assert f"{trainable.trained:,} of {trainable.total:,} parameters train" in str(
        trainable
    )


@pytest.mark.parametrize("scope", ["body", 3, -1, "last_3"])
def test_an_unknown_scope_is_refused(tiny_gpt, scope):
    with pytest.raises(ValueError, match="cannot train"):
        set_trainable(GPTClassifier(tiny_gpt), scope)


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        ({"pooling": "max"}, "pooling='max' must be one of"),
        ({"label_names": ["a"]}, "at least 2 different ones"),
        ({"label_names": ["a", "a"]}, "at least 2 different ones"),
        ({"max_length": 65}, "max_length=65 must lie in 1..64"),
    ],
)
def test_impossible_classifiers_are_refused(tiny_gpt, wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        GPTClassifier(tiny_gpt, **wrong)


def test_a_fresh_head_depends_on_the_seed_alone(tiny_gpt):
    heads = [GPTClassifier(tiny_gpt, seed=s).head.weight for s in (1, 1, 2)]
    assert heads[0].equal(heads[1]) and not heads[0].equal(heads[2])


def test_a_meta_model_has_the_published_size_and_a_head():
    with torch.device("meta"):
        model = GPTClassifier(GPT(GPTConfig()))
    trainable = set_trainable(model, "last_block")
    assert trainable.total == 124_439_808 + 2 * 768 + 2
    assert trainable.trained == 7_087_872 + 2 * 768 + 2 * 768 + 2  # block, norm, head


def test_only_the_poolings_that_read_padding_need_a_width(tiny_gpt):
    widths = {
        name: GPTClassifier(tiny_gpt, pooling=name, max_length=9).width
        for name in POOLINGS
    }
    assert widths == {"last_real": None, "last": 9, "first": None, "mean": None}


def test_the_head_has_a_bias_where_the_final_norm_has_one(tiny_gpt):
    assert GPTClassifier(tiny_gpt).head.bias is not None
    assert GPTClassifier(tiny_gpt, bias=False).head.bias is None
    tiny_gpt.final_norm = torch.nn.RMSNorm(16)
    bare = GPTClassifier(tiny_gpt)
    assert bare.head.bias is None
    assert bare.head.weight.equal(GPTClassifier(tiny_gpt, bias=True).head.weight)


def test_what_trains_is_told_by_its_parts(tiny_gpt):
    model = GPTClassifier(tiny_gpt)
    assert what_trains(model).parts == ("the whole model",)
    parts = set_trainable(model, "last_block").parts
    assert parts == ("block 1", "the final norm", "the head")
    model.requires_grad_(False)
    assert str(what_trains(model)).startswith("none of")
