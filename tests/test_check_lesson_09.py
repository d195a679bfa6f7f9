import copy

import pytest
import torch
from solving import try_out

from spamft.classifier import GPTClassifier
from spamft.methods.lora import LoRAConfig, LoRALinear, add_lora, lora_layers

TRIALS = {
    "9.1": ("with_rank_4", "with_rank_4 = 7"),
    "9.2": ("gradient_of_B", "dead = LoRALinear(linear, LoRAConfig(rank=4))"),
    "9.3": ("two_ranks", "two_ranks = (7, 8)"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tiny_gpt, tmp_path):
    untrained = GPTClassifier(tiny_gpt)
    of_16, model = copy.deepcopy(untrained), copy.deepcopy(untrained)
    add_lora(of_16, LoRAConfig(rank=16))
    add_lora(model, LoRAConfig(rank=4))
    for layer in lora_layers(model).values():
        layer.B.data.normal_()
    at_hand = {
        "torch": torch,
        "LoRALinear": LoRALinear,
        "LoRAConfig": LoRAConfig,
        "untrained": untrained,
        "model": model,
        "trained": sum(p.numel() for p in of_16.parameters() if p.requires_grad),
        "linear": torch.nn.Linear(8, 6),
        "x": torch.randn(3, 8),
    }
    first = "model.gpt.blocks[0].mlp.up"
    try_out(name, TRIALS[name], at_hand, tmp_path, layer=first)
