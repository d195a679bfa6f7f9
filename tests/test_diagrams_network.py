import pytest
import torch
from drawn import assert_legible, boxes, words_of

from spamft.classifier import GPTClassifier
from spamft.diagrams import attention, block, gpt2_and_llama, head_swap
from spamft.diagrams.examples import AttentionShares
from spamft.gpt import GPT, GPTConfig
from spamft.models.llama import Llama, LlamaConfig
from spamft.plumbing.errors import SpamftError

XL = GPTConfig(emb_dim=1600, n_layers=48, n_heads=25)
LARGE = LlamaConfig(128256, 131072, 4096, 32, 32, 8, 14336)


def test_a_block_has_the_widths_of_its_model():
    words = words_of(block(XL))
    assert words.count("1600 numbers per token") == 2
    assert "1600 → 6,400 → 1600" in words
    assert "48 blocks like this one," in words
    with torch.device("meta"):
        up, down = GPT(XL).blocks[0].mlp.up, GPT(XL).blocks[0].mlp.down
    assert (up.in_features, up.out_features, down.out_features) == (1600, 6400, 1600)


def test_bars_are_as_long_as_shares():
    shares = [0.5, 0.25, 0.25]
    shown = attention(AttentionShares(["a", "b", "c", "d"], shares, "head 1"))
    bars = [b for b in boxes(shown.svg) if b[0] == 142]
    assert [b[2] - b[0] for b in bars] == [250, 125, 125]
    assert words_of(shown).count("comes later: masked") == 1


@pytest.mark.parametrize("count", [1, 6, 12])
def test_any_attention_is_legible(count):
    tokens = ["W" * 20, "漢" * 20, "x"] * 4
    shares = [1 / count] * count
    assert_legible(attention(AttentionShares(tokens, shares, "block 48, head 25")))
    shares = [0.0] * (count - 1) + [1.0]
    assert_legible(attention(AttentionShares(tokens[:count], shares, "")))


@pytest.mark.parametrize(
    "tokens, shares", [([], []), (["a"], [0.5, 0.5]), ("a" * 13, [1])]
)
def test_what_cannot_be_drawn_is_refused(tokens, shares):
    with pytest.raises(SpamftError, match="give at most 12 tokens"):
        attention(AttentionShares(list(tokens), shares, ""))


def test_a_head_has_the_numbers_that_the_picture_says():
    with torch.device("meta"):
        model = GPTClassifier(GPT(GPTConfig()), ("a", "b", "c"))
    head = sum(p.numel() for p in model.head.parameters())
    words = words_of(head_swap(label_names=("a", "b", "c")))
    assert "768 × 3 + 3" in words and head == 768 * 3 + 3
    assert "768 × 50,257" in words and "3 logits" in words


def test_llamas_own_sizes_are_shown():
    config = LlamaConfig()
    with torch.device("meta"):
        model = Llama(config)
    words = words_of(gpt2_and_llama())
    assert "9 query heads share" in words and "3 of keys and values," in words
    assert f"{config.emb_dim} → {config.hidden_dim:,} → {config.emb_dim}" in words
    assert not any("bias" in name for name, _ in model.named_parameters())


def test_large_models_are_legible():
    assert_legible(block(XL))
    assert_legible(head_swap(XL, [str(k) for k in range(1000)]))
    assert_legible(gpt2_and_llama(XL, LARGE))
