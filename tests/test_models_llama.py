import pytest
import torch

from spamft.gpt import generate
from spamft.models.llama import Llama, LlamaConfig, rotate
from spamft.models.llama_files import fill_llama
from spamft.plumbing.errors import SpamftError
from spamft.trunk import last_token


def config(n_heads=4, n_kv_heads=2, tied=True, **sizes) -> LlamaConfig:
    usual = {
        "vocab_size": 97,
        "context_length": 64,
        "emb_dim": 48,
        "n_layers": 3,
        "hidden_dim": 80,
        "rope_base": 1000.0,
    }
    heads = {"n_heads": n_heads, "n_kv_heads": n_kv_heads}
    return LlamaConfig(tied=tied, **usual | heads | sizes)


def random_llama(*args, **sizes) -> Llama:
    """Large weights, so that errors show."""
    model = Llama(config(*args, **sizes)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def hidden_states(model: Llama, ids: torch.Tensor) -> list[torch.Tensor]:
    states = [model.embed(ids)]
    for block in model.blocks:
        states.append(block(states[-1]))
    return states


@pytest.mark.parametrize(
    "n_heads, n_kv_heads", [(1, 1), (4, 4), (4, 2), (4, 1), (6, 3), (8, 2)]
)
@pytest.mark.parametrize("tied", [True, False])
def test_hidden_states_and_logits_are_those_of_transformers(n_heads, n_kv_heads, tied):
    transformers = pytest.importorskip("transformers")
    theirs = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=97,
            hidden_size=48,
            intermediate_size=80,
            num_hidden_layers=3,
            num_attention_heads=n_heads,
            num_key_value_heads=n_kv_heads,
            max_position_embeddings=64,
            rms_norm_eps=1e-5,
            rope_theta=1000.0,
            tie_word_embeddings=tied,
        )
    ).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    ours = fill_llama(config(n_heads, n_kv_heads, tied), theirs.state_dict(), "theirs")
    ids = torch.randint(97, (3, 17))
    with torch.no_grad():
        wanted = theirs(ids, output_hidden_states=True)
        states = hidden_states(ours.eval(), ids)
        # the last one of theirs is what the final norm gave
        for mine, other in zip(states[:-1], wanted.hidden_states[:-1], strict=True):
            torch.testing.assert_close(mine, other, atol=2e-5, rtol=1e-5)
        logits = ours.logits(ours.final_norm(states[-1]))
    torch.testing.assert_close(logits, wanted.logits, atol=1e-4, rtol=1e-5)


def test_no_token_sees_the_future():
    model, ids = random_llama(), torch.randint(97, (1, 20))
    changed = ids.clone()
    changed[0, 10:] = 5
    before, after = (hidden_states(model, each)[-1] for each in (ids, changed))
    torch.testing.assert_close(before[:, :10], after[:, :10])
    assert not torch.allclose(before[:, 10:], after[:, 10:])


@pytest.mark.parametrize("n_kv_heads", [1, 2, 4])
def test_one_token_at_a_position_equals_the_whole_block(n_kv_heads):
    block = random_llama(4, n_kv_heads).blocks[0]
    x, positions = torch.randn(3, 9, 48), torch.tensor([8, 0, 4])
    whole = block(x)[torch.arange(3), positions]
    torch.testing.assert_close(last_token(block, x, positions), whole)


def test_a_continuation_with_kept_keys_is_the_one_without():
    model, ids = random_llama(), torch.randint(97, (2, 7))
    wanted = ids
    for _ in range(5):
        x = hidden_states(model, wanted)[-1][:, -1]
        logits = model.logits(model.final_norm(x))
        wanted = torch.cat([wanted, logits.argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(generate(model, ids, 5), wanted)


def test_a_rotated_product_depends_on_the_distance_alone():
    q, k = torch.randn(2, 1, 1, 1, 8)
    near, far = (
        (rotate(q, torch.tensor([5 + s]), 1e4) * rotate(k, torch.tensor([2 + s]), 1e4))
        for s in (0, 40)
    )
    torch.testing.assert_close(near.sum(), far.sum())


@pytest.mark.parametrize(
    "sizes, complaint",
    [
        ({"n_heads": 5}, "n_heads=5 must divide emb_dim=48"),
        ({"n_kv_heads": 3}, "n_kv_heads=3 must divide n_heads=4"),
        ({"n_heads": 16, "n_kv_heads": 1}, "even number"),
        ({"n_layers": 10**9}, "n_layers"),
        ({"hidden_dim": 0}, "hidden_dim"),
        ({"rope_base": float("nan")}, "rope_base"),
        ({"norm_eps": 2.0}, "norm_eps"),
    ],
)
def test_a_size_that_no_model_has_is_refused(sizes, complaint):
    with pytest.raises(SpamftError, match=complaint):
        config(**sizes)


def test_too_many_tokens_are_refused():
    with pytest.raises(SpamftError, match="65 tokens do not fit into a context of 64"):
        random_llama().embed(torch.zeros(1, 65, dtype=torch.long))
