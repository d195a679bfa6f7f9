import copy
from dataclasses import asdict, replace

import pytest
import torch
from test_models_llama import random_llama
from torch import nn

from spamft.batches import collate
from spamft.classifier import POOLINGS, GPTClassifier, set_trainable
from spamft.export.hf_classifier import hf_files
from spamft.gpt import generate
from spamft.insight.explain import by_block, integrated_gradients, leave_one_out
from spamft.methods.instruct import respond
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.lora_files import save_adapter
from spamft.models.attention import mask_of, run_blocks, with_attention
from spamft.models.llama_files import save_llama
from spamft.models.prompted import NextToken, PromptClassifier
from spamft.plumbing.errors import SpamftError
from spamft.pretrained import save_gpt2, to_hf
from spamft.sources import open_model
from spamft.trunk import TrainablePart, last_token
from spamft.use.saved import load, save

UNPADDED = [name for name in POOLINGS if not POOLINGS[name].fixed_width]


@pytest.fixture(params=["gpt2", "llama"])
def causal(request, three_blocks):
    """A model of each architecture, with large weights."""
    if request.param == "gpt2":
        return three_blocks.eval()
    return random_llama(vocab_size=257)


@pytest.fixture
def full(causal):
    return with_attention(causal, "full")


def hidden(gpt, ids):
    return run_blocks(gpt.blocks, gpt.embed(ids), None)


def padded(texts, width=None):
    return collate([(list(text.encode()), 0) for text in texts], 256, width)


def test_the_first_token_sees_the_last_one_with_full_attention_alone(causal, full):
    ids = torch.arange(40, 49)[None]
    changed = ids.clone()
    changed[0, -1] = 7
    moved = [(hidden(m, ids) - hidden(m, changed))[0].abs() for m in (causal, full)]
    assert moved[0][:-1].max() == 0 and moved[0][-1].max() > 0.01
    assert (moved[1].max(-1).values > 0.01).all()


def test_nothing_but_the_attention_differs_and_no_weight_is_copied(causal, full):
    assert with_attention(causal, "causal") is causal
    assert with_attention(full, "causal").config == causal.config
    assert replace(full.config, causal=True) == causal.config
    assert full.training == causal.training
    for one, two in zip(causal.parameters(), full.parameters(), strict=True):
        assert one.data_ptr() == two.data_ptr()
    ids = torch.arange(5)[None]
    again = with_attention(full, "causal")
    assert hidden(again, ids).equal(hidden(causal, ids))


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_full_attention_is_transformers_without_its_mask(three_blocks, implementation):
    transformers = pytest.importorskip("transformers")
    sizes = {"vocab_size": 257, "n_positions": 64, "n_embd": 16, "n_layer": 3}
    theirs = transformers.GPT2Model(
        transformers.GPT2Config(n_head=2, attn_implementation=implementation, **sizes)
    ).eval()
    weights = to_hf(three_blocks)
    names = {k.removeprefix("transformer."): v for k, v in weights.items()}
    theirs.load_state_dict(names)
    batch = padded(["hello", "hi"])
    everywhere = mask_of(with_attention(three_blocks, "full"), batch.lengths, 5)
    zeros = torch.zeros(2, 1, 5, 5).masked_fill(~everywhere, -1e9)
    wanted = theirs(batch.ids, attention_mask=zeros).last_hidden_state
    full = with_attention(three_blocks, "full")
    x = run_blocks(full.blocks, full.embed(batch.ids), everywhere)
    for row, other, n in zip(full.final_norm(x), wanted, batch.lengths, strict=True):
        torch.testing.assert_close(row[:n], other[:n], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("pooling", UNPADDED)
def test_padding_and_batch_mates_never_change_a_logit(full, pooling):
    model, texts = GPTClassifier(full, pooling=pooling), ["hello", "hi", "x" * 30]
    alone = torch.cat([model(*padded([text])[:2]) for text in texts])
    for reader in (model, TrainablePart(model)):
        together = reader(*padded(texts, width=60)[:2])
        torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_where_the_padding_is_a_part_of_the_input_every_token_sees_it(full):
    """The book's experiment: fixed width, the last column is read, no mask."""
    model, batch = GPTClassifier(full, pooling="last"), padded(["hi"], 40)
    assert mask_of(full, batch.lengths, 40).sum() == 2
    assert model.mask(batch.lengths, 40).all()
    x = hidden(full, batch.ids)
    by_hand = model.head(full.final_norm(x))[:, -1]
    for reader in (model, TrainablePart(model)):
        torch.testing.assert_close(reader(*batch[:2]), by_hand, atol=1e-4, rtol=1e-4)
    changed = batch.ids.clone()
    changed[0, 20] = 7
    assert not torch.allclose(x[:, 0], hidden(full, changed)[:, 0], atol=1e-2)


def test_one_token_at_a_position_equals_the_whole_block(full):
    block, lengths = full.blocks[0], torch.tensor([9, 4, 7])
    x, rows = torch.randn(3, 9, full.config.emb_dim), torch.arange(3)
    mask = mask_of(full, lengths, 9)
    for positions in (lengths - 1, torch.tensor([0, 0, 0])):
        whole = run_blocks([block], x, mask)[rows, positions]
        some = last_token(block, x, positions, mask)
        torch.testing.assert_close(some, whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scope", ["head", "last_block", 2, "all"])
def test_only_the_scope_gets_gradients(full, scope):
    model = GPTClassifier(full)
    set_trainable(model, scope)
    TrainablePart(model)(*padded(["hello", "hi"])[:2]).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_it_is_saved_and_loaded(full, tokenizer, tmp_path):
    model = GPTClassifier(full).eval()
    save(model, tmp_path, tokenizer)
    again, batch = load(tmp_path).model, padded(["hello", "hi"], 9)
    assert again.gpt.config == full.config and not again.gpt.config.causal
    assert again(*batch[:2]).equal(model(*batch[:2]))


def test_the_part_that_trained_is_kept_beside_its_causal_base(tmp_path):
    base = open_model("tiny")
    model = GPTClassifier(with_attention(base.gpt, "full")).eval()
    kept = save(model, tmp_path, base.tokenizer, base=base)
    assert kept.base.name == "tiny" and kept.written < kept.whole / 100
    again, batch = load(tmp_path).model, padded(["hello", "hi"], 9)
    assert not again.gpt.config.causal
    assert again(*batch[:2]).equal(model(*batch[:2]))


def test_explanations_see_what_the_model_sees(full, tokenizer):
    model = GPTClassifier(full).eval()
    logits = model(*padded(["see you"])[:2])[0]
    score = (logits[1] - logits[0]).item()
    for explain in (leave_one_out, integrated_gradients):
        found = explain(model, tokenizer, "see you", "spam")
        assert found.score == pytest.approx(score, abs=1e-3)
    blocks = by_block(model, tokenizer, "see you", "spam")
    assert blocks[-1] == pytest.approx(score, abs=1e-3)


def test_what_needs_causal_attention_refuses_the_other(full, tokenizer, tmp_path):
    lora = GPTClassifier(copy.deepcopy(full))
    add_lora(lora, LoRAConfig(2))
    gpt2 = hasattr(full, "pos_emb")
    for act in (
        lambda: generate(full, torch.zeros(1, 3, dtype=torch.long), 2),
        lambda: respond(full, tokenizer, [[1, 2]], 2),
        lambda: NextToken(full),
        lambda: PromptClassifier(full, ("a", "b"), [[7], [8]]),
        lambda: save_adapter(lora, tmp_path / "it"),
        lambda: hf_files(GPTClassifier(full), pad_id=0),
        lambda: (save_gpt2 if gpt2 else save_llama)(full, tmp_path / "it"),
    ):
        with pytest.raises(SpamftError, match="needs causal attention") as error:
            act()
        assert "\n" not in str(error.value)
    assert not (tmp_path / "it").exists()


def test_an_unknown_attention_and_a_model_without_the_choice_are_refused(causal):
    with pytest.raises(SpamftError, match="'half' must be one of causal, full"):
        with_attention(causal, "half")
    means = nn.Module()
    means.config = object()
    assert with_attention(means, "causal") is means
    with pytest.raises(SpamftError, match="always causal"):
        with_attention(means, "full")
    for wrong in (1, "yes", None):
        with pytest.raises(SpamftError, match="causal=.* must be True or False"):
            type(causal.config)(**asdict(causal.config) | {"causal": wrong})
