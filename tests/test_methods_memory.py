from dataclasses import replace

import pytest
import torch

from spamft.gpt import GPTConfig
from spamft.methods.memory import measure_memory, plan_memory
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.models.architectures import architecture_of
from spamft.models.llama import LlamaConfig
from spamft.plumbing.errors import SpamftError
from spamft.pretrained import PUBLISHED, load_gpt2

HEADS = ["head", "features", "last_block", "last_two_blocks", "full", "lora-4"]
HEADS += ["qlora-16"]
SHAPES = [  # config, messages, tokens
    (GPTConfig(500, 64, 64, 3, 4), 4, 32),
    (GPTConfig(500, 64, 48, 5, 3), 2, 17),
    (LlamaConfig(500, 64, 64, 3, 4, 2, 100), 4, 32),
    (LlamaConfig(500, 64, 48, 5, 6, 3, 80, tied=False), 2, 17),
    (LlamaConfig(500, 64, 32, 2, 2, 1, 50), 1, 1),
    (GPTConfig(500, 64, 48, 3, 3, causal=False), 2, 17),
    (LlamaConfig(500, 64, 48, 3, 6, 3, 80, causal=False), 2, 17),
]


def attach(method, gpt, classes):
    return METHODS[method].attach(gpt, Task(tuple("abcd"[:classes]), 64), 1)


@pytest.mark.parametrize("method", HEADS)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: type(shape[0]).__name__)
def test_the_plan_equals_the_measurement_to_the_byte(method, shape):
    config, B, T = shape
    model = attach(method, architecture_of(config).build(config), 3)
    measured = measure_memory(model, torch.randint(500, (B, T)), torch.full((B,), T))
    sizes = {"num_classes": 3, "batch_size": B, "tokens": T}
    assert plan_memory(config, method, **sizes) == measured


@pytest.mark.parametrize("method", ["head", "last_block", "full", "lora-4", "qlora-16"])
def test_it_does_so_for_the_bundled_model(method):
    model = attach(method, load_gpt2("tiny"), 2)
    ids, lengths = torch.randint(4096, (8, 64)), torch.full((8,), 64)
    config = model.gpt.config
    assert plan_memory(config, method) == measure_memory(model, ids, lengths)


@pytest.mark.parametrize("C, H, G, F", [(64, 4, 2, 100), (48, 6, 6, 80), (64, 8, 1, 9)])
def test_one_more_block_keeps_what_one_counts_by_hand(C, H, G, F):
    B, T = 3, 16
    N, D = B * T, C // H
    counted = {
        GPTConfig(500, 64, C, 2, H): 16 * N * C + (4 + H) * N,
        # fewer heads of keys and values than of queries; and the rotations' cosines and
        # sines, of queries and of keys
        LlamaConfig(500, 64, C, 2, H, G, F): 11 * N * C
        - 2 * N * (H - G) * D
        + 4 * N * F
        + (2 + H) * N
        + 2 * T * D,
    }
    for config, numbers in counted.items():
        few, more = (
            plan_memory(replace(config, n_layers=n), "full", batch_size=B, tokens=T)
            for n in (2, 3)
        )
        assert more.activations - few.activations == 4 * numbers


@pytest.mark.parametrize("name", [*PUBLISHED, "smollm2"])
def test_lora_costs_less_than_full_and_qlora_less_than_lora(name):
    config = PUBLISHED[name].config if name in PUBLISHED else LlamaConfig()
    config = replace(config, n_layers=2)  # as many numbers per layer as in all
    full, lora, qlora = (
        plan_memory(config, method) for method in ("full", "lora-16", "qlora-16")
    )
    assert full.total > lora.total > qlora.total
    C, L = config.emb_dim, config.n_layers
    linears = 12 * L * C * C
    if name == "smollm2":
        linears = L * (2 * C * C + 2 * C * C // 3 + 3 * C * config.hidden_dim)
    assert (lora.weights - qlora.weights) / linears == pytest.approx(3.484, abs=1e-3)


def test_what_cannot_be_planned_is_refused(tiny_gpt):
    with pytest.raises(SpamftError, match="prompts need a tokenizer"):
        plan_memory(tiny_gpt.config, "instructions")
    with pytest.raises(SpamftError, match="unknown method 'prefix': choose from head"):
        plan_memory(tiny_gpt.config, "prefix")
    with pytest.raises(SpamftError, match="65 tokens do not fit into a context of 64"):
        plan_memory(tiny_gpt.config, "full", tokens=65)
    bare = replace(METHODS["full"], attach=lambda gpt, task, seed: gpt)
    with pytest.raises(SpamftError, match="full has no class head: its memory is not"):
        plan_memory(tiny_gpt.config, bare)


def test_planning_leaves_nothing_behind(tiny_gpt):
    """No tensor without numbers stays where a later model would find it."""
    plan_memory(tiny_gpt.config, "qlora-16")
    model = attach("qlora-16", tiny_gpt, 2)
    assert model(torch.randint(257, (2, 5))).isfinite().all()
