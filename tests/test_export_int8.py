import numpy as np
import pytest
import torch

from spamft.classifier import GPTClassifier
from spamft.export.int8 import Attempt, attempts, layers_by_error, quantise
from spamft.export.onnx_graph import HEAD, onnx_model
from spamft.export.onnx_runner import batch

onnxruntime = pytest.importorskip("onnxruntime")
TOKENS = batch([[1, 2, 3, 4], [5, 6], [7]])


@pytest.fixture
def model(any_gpt):
    for parameter in any_gpt.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return GPTClassifier(any_gpt).eval()


def run(source) -> np.ndarray:
    return onnxruntime.InferenceSession(source).run(None, TOKENS)[0]


def test_the_layers_that_lose_most_are_kept_in_doubling_numbers():
    made = list(attempts(lambda: list("abcdef")))
    kept = [(), (), ("a",), ("a", "b"), ("a", "b", "c", "d")]
    assert [each.kept for each in made] == kept
    assert [each.bits for each in made] == [7, 8, 8, 8, 8]
    assert str(made[3]) == "weights of 8 bits, in float32 a, b"


def test_the_order_is_asked_for_only_when_it_is_needed():
    asked = []
    ways = attempts(lambda: asked.append(1) or [])
    assert [next(ways).bits, next(ways).bits] == [7, 8] and not asked


def test_8_bits_lose_little_and_what_is_kept_loses_nothing(model, tmp_path):
    graph = onnx_model(model, 1.0, 0)
    exact, layers = (
        run(graph.SerializeToString()),
        layers_by_error(graph, TOKENS),
    )
    quantise(graph, tmp_path / "all", Attempt(8, ()))
    lost = np.abs(run(str(tmp_path / "all")) - exact).max()
    assert 0 < lost < 0.05
    quantise(graph, tmp_path / "none", Attempt(8, tuple(layers)))
    np.testing.assert_allclose(run(str(tmp_path / "none")), exact, atol=1e-6)


def test_every_product_with_weights_but_the_head_is_a_layer(model):
    graph = onnx_model(model, 1.0, 0)
    layers = layers_by_error(graph, TOKENS)
    names = {n.name for n in graph.graph.node if n.name.startswith(("blocks", "tok"))}
    assert set(layers) == names and HEAD not in layers


def test_a_layer_with_one_huge_weight_loses_most(tiny_gpt):
    model = GPTClassifier(tiny_gpt).eval()
    with torch.no_grad():
        tiny_gpt.tok_emb.weight[200, 3] = 1e4  # of a token that is not read
    assert layers_by_error(onnx_model(model, 1.0, 0), TOKENS)[0] == "tok_emb"
