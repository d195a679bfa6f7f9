import json
from dataclasses import replace

import pytest
import torch

from spamft.gpt import GPT, GPTConfig
from spamft.methods.heads import ClassHead, WithLoRA
from spamft.methods.method import METHODS, Method, Recipe, describe, method_named
from spamft.models.llama import Llama, LlamaConfig


def test_a_method_is_found_by_name_or_is_one():
    assert method_named("lora-4") is METHODS["lora-4"]
    own = Method("mine", ClassHead("head"), Recipe(1e-3, 1e-4))
    assert method_named(own) is own
    with pytest.raises(ValueError, match="unknown method 'lora': choose from head, "):
        method_named("lora")


def test_every_method_has_a_name_of_its_own_and_settings_for_any_model(tiny_gpt):
    with torch.device("meta"):
        models = tiny_gpt, GPT(GPTConfig()), Llama(LlamaConfig())
    assert len({method.name for method in METHODS.values()}) == len(METHODS)
    for method in METHODS.values():
        small, gpt2, llama = map(method.recipe, models)
        assert small.lr >= max(gpt2.lr, llama.lr) and small.epochs == gpt2.epochs
    assert METHODS["last_block"].recipe(models[1]).lr == 5e-5  # the lecture's


def test_a_description_differs_if_anything_does_and_survives_json():
    described = [json.dumps(describe(method)) for method in METHODS.values()]
    assert len(set(described)) == len(METHODS)
    one = METHODS["lora-4"]
    assert describe(one) == describe(replace(one))
    for change in (
        {"attach": WithLoRA(5)},
        {"recipe": Recipe(1, 1)},
        {"learn": lambda *args: iter(())},
        {"name": "other"},
    ):
        assert describe(replace(one, **change)) != describe(one)
    assert "0x" not in "".join(described)  # no address, which another process lacks
