import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from spamft.gpt import GPT, GPTConfig, generate


def random_ids(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape)


def test_logits_have_one_row_per_token(tiny_gpt):
    assert tiny_gpt(random_ids(3, 7)).shape == (3, 7, 257)


def test_no_token_sees_the_future(tiny_gpt):
    ids = random_ids(1, 8)
    changed = ids.clone()
    changed[0, 5:] = (ids[0, 5:] + 1) % 256
    before, after = tiny_gpt.hidden(ids), tiny_gpt.hidden(changed)
    torch.testing.assert_close(before[:, :5], after[:, :5])
    assert not torch.isclose(before[:, 5:], after[:, 5:]).all(-1).any()


def test_batch_mates_do_not_matter(tiny_gpt):
    ids = random_ids(4, 9)
    alone = torch.cat([tiny_gpt(row[None]) for row in ids])
    torch.testing.assert_close(tiny_gpt(ids), alone, atol=1e-5, rtol=1e-5)


def test_the_seed_alone_decides_the_weights():
    config = GPTConfig(vocab_size=9, context_length=4, emb_dim=4, n_layers=1, n_heads=1)
    torch.manual_seed(5)
    first = GPT(config, seed=1).state_dict()
    again, other = GPT(config, seed=1).state_dict(), GPT(config, seed=2).state_dict()
    assert all(first[name].equal(again[name]) for name in first)
    assert not first["tok_emb.weight"].equal(other["tok_emb.weight"])


def test_the_untrained_loss_is_that_of_guessing():
    gpt, ids = GPT(GPTConfig(257, 64, 64, 2, 2)), random_ids(8, 64)
    loss = cross_entropy(gpt(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(257), abs=0.1)


@pytest.mark.parametrize(
    "sizes, complaint",
    [
        ({"emb_dim": 16, "n_heads": 5}, "n_heads=5 must divide"),
        ({"n_layers": 0}, "n_layers=0 must be a whole number from 1"),
        ({"dropout": 1.0}, r"dropout=1.0 must lie in"),
    ],
)
def test_impossible_sizes_are_refused(sizes, complaint):
    with pytest.raises(ValueError, match=complaint):
        GPTConfig(**sizes)


def test_more_tokens_than_the_context_are_refused(tiny_gpt):
    with pytest.raises(ValueError, match="65 tokens do not fit into a context of 64"):
        tiny_gpt(random_ids(1, 65))


def test_generating_with_the_cache_equals_reading_it_all_again(tiny_gpt):
    ids = random_ids(2, 5)
    expected = ids
    for _ in range(6):
        new = tiny_gpt(expected)[:, -1].argmax(-1, keepdim=True)
        expected = torch.cat([expected, new], dim=1)
    assert generate(tiny_gpt, ids, 6).equal(expected)


def test_sampling_repeats_for_a_seed_and_keeps_to_the_top_k(tiny_gpt):
    ids = random_ids(1, 3)
    first = generate(tiny_gpt, ids, 8, temperature=1.0, top_k=2, seed=1)
    assert first.equal(generate(tiny_gpt, ids, 8, temperature=1.0, top_k=2, seed=1))
    for end in range(3, 11):
        allowed = tiny_gpt(first[:, :end])[0, -1].topk(2).indices
        assert first[0, end] in allowed


def test_top_1_is_greedy(tiny_gpt):
    ids = random_ids(2, 3)
    sampled = generate(tiny_gpt, ids, 5, temperature=1.5, top_k=1)
    assert sampled.equal(generate(tiny_gpt, ids, 5))


def test_generation_stops_when_all_rows_have_produced_the_stop_token(tiny_gpt):
    ids = random_ids(1, 3)
    new = generate(tiny_gpt, ids, 10)[0, 3:].tolist()
    stopped = generate(tiny_gpt, ids, 10, stop_id=new[2])[0, 3:].tolist()
    assert stopped == new[: new.index(new[2]) + 1]


def test_generation_leaves_the_mode_alone(tiny_gpt):
    tiny_gpt.train()
    generate(tiny_gpt, random_ids(1, 2), 1)
    assert tiny_gpt.training


@pytest.mark.parametrize(
    "length, new, options, complaint",
    [
        (0, 1, {}, "empty prompt"),
        (60, 5, {}, "60 prompt tokens [+] 5 new ones"),
        (3, 1, {"temperature": -1.0}, "temperature=-1.0 must be"),
        (3, 1, {"top_k": 0}, "top_k=0 at least 1"),
    ],
)
def test_impossible_requests_are_refused(tiny_gpt, length, new, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        generate(tiny_gpt, random_ids(1, length), new, **options)
