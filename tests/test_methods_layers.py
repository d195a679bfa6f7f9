import pytest
from torch import nn

from spamft.methods.layers import linear_layers, pick_layers, put_layer


def test_without_targets_all_linear_layers_of_the_blocks_are_picked(tiny_gpt):
    model = nn.ModuleDict({"gpt": tiny_gpt, "head": nn.Linear(16, 2)})
    layers = linear_layers(model)
    picked = pick_layers(layers, None)
    assert set(layers) - set(picked) == {"head"} and len(picked) == 8


def test_a_target_is_a_whole_name_or_the_end_of_one(tiny_gpt):
    layers = linear_layers(tiny_gpt)
    assert len(pick_layers(layers, ("mlp.up",))) == 2
    assert list(pick_layers(layers, ("blocks.0.mlp.up",))) == ["blocks.0.mlp.up"]
    with pytest.raises(ValueError, match="no linear layer is named 'p'; there are: bl"):
        pick_layers(layers, ("p",))


def test_a_layer_takes_the_place_that_has_its_name(tiny_gpt):
    layer = nn.Linear(16, 64)
    put_layer(tiny_gpt, "blocks.1.mlp.up", layer)
    assert tiny_gpt.blocks[1].mlp.up is layer
