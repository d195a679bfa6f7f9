import pytest
import torch

from spamft.classifier import GPTClassifier
from spamft.gpt import GPT, GPTConfig
from spamft.methods.memory import measure_memory, plan_memory, prepare
from spamft.pretrained import PUBLISHED, load_gpt2

WAYS = ("full", "last_block", "lora", "qlora")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(64, 3, 4, 4, 32), (48, 5, 3, 2, 17)])
def test_the_plan_is_what_is_measured_to_the_byte(way, shape):
    C, L, H, B, T = shape
    config = GPTConfig(500, 64, C, L, H)
    model = GPTClassifier(GPT(config), num_classes=3)
    prepare(model, way, rank=4)
    measured = measure_memory(model, torch.randint(500, (B, T)), torch.full((B,), T))
    sizes = {"num_classes": 3, "batch_size": B, "tokens": T}
    assert plan_memory(config, way, rank=4, **sizes) == measured


@pytest.mark.parametrize("way", WAYS)
def test_and_so_it_is_for_the_bundled_model(way):
    model = GPTClassifier(load_gpt2("tiny"))
    prepare(model, way)
    ids, lengths = torch.randint(4096, (8, 64)), torch.full((8,), 64)
    config = model.gpt.config
    assert plan_memory(config, way) == measure_memory(model, ids, lengths)


@pytest.mark.parametrize("name", PUBLISHED)
def test_each_way_costs_less_than_the_one_before_for_all_four_gpt2(name):
    config = PUBLISHED[name].config
    full, _, lora, qlora = (plan_memory(config, way) for way in WAYS)
    assert full.total > lora.total > qlora.total
    linears = 12 * config.n_layers * config.emb_dim**2
    assert (lora.weights - qlora.weights) / linears == pytest.approx(3.484, abs=1e-3)


def test_an_unknown_way_is_named(tiny_gpt):
    with pytest.raises(ValueError, match="way='prefix'"):
        prepare(GPTClassifier(tiny_gpt), "prefix")
