import numpy as np
import pytest
import torch

from spamft.models.graph import OPSET, Graph

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def value_of(graph: Graph, name: str, given: dict) -> np.ndarray:
    """What a value is, for ids and lengths."""
    helper, kind = onnx.helper, onnx.TensorProto.INT64
    inputs = [helper.make_tensor_value_info(key, kind, None) for key in given]
    outputs = [onnx.ValueInfoProto(name=name)]
    weights = list(graph.weights.values())
    made = helper.make_graph(graph.nodes, "it", inputs, outputs, weights)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(made, opset_imports=opset, ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run([name], given)[0]


GIVEN = {"ids": np.array([[5, 6, 7], [8, 9, 9]]), "lengths": np.array([3, 1])}


def test_the_same_operator_on_the_same_values_is_there_once():
    graph = Graph(5)
    assert graph.real() == graph.real() != graph.here()
    assert len(graph.nodes) == len({node.name for node in graph.nodes})


def test_masks_hide_what_comes_later_and_what_is_no_token():
    graph = Graph(5)
    assert value_of(graph, graph.real(), GIVEN).tolist() == [[1, 1, 1], [1, 0, 0]]
    causal = np.isfinite(value_of(graph, graph.causal(None), GIVEN))
    assert (causal == np.tril(np.ones((3, 3)))).all()
    at = graph("Sub", graph.column(), graph.number(1))
    last = np.isfinite(value_of(graph, graph.causal(at), GIVEN))
    assert last[:, 0, 0, 0].tolist() == [[1, 1, 1], [1, 0, 0]]


def test_messages_are_filled_up():
    graph = Graph(4)
    graph.fill_up(0)
    assert value_of(graph, graph.ids, GIVEN).tolist() == [[5, 6, 7, 0], [8, 0, 0, 0]]


@pytest.mark.parametrize("layer", [torch.nn.LayerNorm(6), torch.nn.RMSNorm(6, 1e-5)])
def test_norms_are_those_of_pytorch(layer):
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    graph, x = Graph(5), torch.randn(2, 3, 6)
    found = value_of(graph, graph.norm(graph.weight("x", x), "norm", layer), GIVEN)
    torch.testing.assert_close(torch.from_numpy(found), layer(x).detach())
