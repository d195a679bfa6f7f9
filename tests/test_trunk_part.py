import pytest
import torch
from torch import nn

from spamft.classifier import GPTClassifier, set_trainable
from spamft.gpt import GPTConfig, SelfAttention
from spamft.methods.lora import LoRAConfig, add_lora, lora_layers
from spamft.methods.nf4 import quantize_linears
from spamft.trunk import find_cut, last_token


def with_lora(gpt):
    add_lora(gpt, LoRAConfig(rank=4, also=()))
    for layer in lora_layers(gpt).values():
        nn.init.normal_(layer.B, std=0.3)


def randomize(gpt):
    """No bias is 0 and no norm is 1, as after pretraining."""
    for parameter in gpt.parameters():
        nn.init.normal_(parameter, std=0.3)
    return gpt


@pytest.mark.parametrize("change", [lambda gpt: None, with_lora, quantize_linears])
def test_one_token_at_a_position_equals_the_whole_block(three_blocks, change):
    randomize(three_blocks)
    change(three_blocks)
    x, positions = torch.randn(4, 9, 16), torch.tensor([0, 3, 8, 5])
    block = three_blocks.blocks[0]
    expected = block(x)[torch.arange(4), positions]
    torch.testing.assert_close(
        last_token(block, x, positions), expected, atol=1e-5, rtol=1e-5
    )


def test_one_token_has_the_same_gradients_as_the_whole_block(tiny_gpt):
    block, gradients = randomize(tiny_gpt).blocks[0], []
    at_4 = torch.tensor([4])
    for read in (lambda x: last_token(block, x, at_4), lambda x: block(x)[:, 4]):
        torch.manual_seed(1)
        x = torch.randn(1, 9, 16, requires_grad=True)
        block.zero_grad()
        read(x).square().sum().backward()
        gradients.append([x.grad, *(p.grad.clone() for p in block.parameters())])
    for one, whole in zip(*gradients, strict=True):
        torch.testing.assert_close(one, whole, atol=1e-5, rtol=1e-4)


def test_dropout_of_what_one_token_gathers_changes_nothing_on_average():
    torch.manual_seed(1)
    attention = SelfAttention(GPTConfig(9, 9, 16, 1, 2, dropout=0.5))
    randomize(attention)
    x, mask = torch.randn(1, 5, 16), torch.ones(1, 1, 1, 5, dtype=torch.bool)
    expected = attention.eval().gather_for(x[:, 4], x, mask)
    many = attention.train().gather_for(
        x[:, 4].expand(20_000, -1), x.expand(20_000, -1, -1), mask
    )
    assert many.std(0).min() > 0.01
    torch.testing.assert_close(many.mean(0, True), expected, atol=0.03, rtol=0.03)


def test_a_block_that_cannot_be_taken_apart_is_computed_whole():
    block, x = nn.Linear(5, 5), torch.randn(2, 3, 5)
    assert last_token(block, x, torch.tensor([0, 2])).equal(
        block(x)[torch.arange(2), torch.tensor([0, 2])]
    )


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
