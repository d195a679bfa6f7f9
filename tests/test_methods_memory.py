import pytest
import torch

from spamft.gpt import GPT, GPTConfig
from spamft.methods.memory import measure_memory, plan_memory
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.pretrained import PUBLISHED, load_gpt2

HEADS = ["head", "last_block", "last_two_blocks", "full", "lora-4", "qlora-16"]


def attach(method, gpt, classes):
    return METHODS[method].attach(gpt, Task(tuple("abcd"[:classes]), 64), 1)


@pytest.mark.parametrize("method", HEADS)
@pytest.mark.parametrize("shape", [(64, 3, 4, 4, 32), (48, 5, 3, 2, 17)])
@pytest.mark.parametrize("causal", [True, False])
def test_the_plan_equals_the_measurement_to_the_byte(method, shape, causal):
    C, L, H, B, T = shape
    config = GPTConfig(500, 64, C, L, H, causal=causal)
    model = attach(method, GPT(config), 3)
    measured = measure_memory(model, torch.randint(500, (B, T)), torch.full((B,), T))
    sizes = {"num_classes": 3, "batch_size": B, "tokens": T}
    assert plan_memory(config, method, **sizes) == measured


@pytest.mark.parametrize("method", HEADS)
def test_it_does_so_for_the_bundled_model(method):
    model = attach(method, load_gpt2("tiny"), 2)
    ids, lengths = torch.randint(4096, (8, 64)), torch.full((8,), 64)
    config = model.gpt.config
    assert plan_memory(config, method) == measure_memory(model, ids, lengths)


@pytest.mark.parametrize("name", PUBLISHED)
def test_lora_costs_less_than_full_and_qlora_less_than_lora(name):
    config = PUBLISHED[name].config
    full, lora, qlora = (
        plan_memory(config, method) for method in ("full", "lora-16", "qlora-16")
    )
    assert full.total > lora.total > qlora.total
    linears = 12 * config.n_layers * config.emb_dim**2
    assert (lora.weights - qlora.weights) / linears == pytest.approx(3.484, abs=1e-3)


def test_a_method_without_a_class_head_is_refused(tiny_gpt):
    with pytest.raises(ValueError, match="prompts need a tokenizer"):
        plan_memory(tiny_gpt.config, "instructions")
    with pytest.raises(ValueError, match="no class head on the last real token"):
        plan_memory(tiny_gpt.config, "features")
    with pytest.raises(ValueError, match="unknown method 'prefix': choose from head"):
        plan_memory(tiny_gpt.config, "prefix")
