"""A graph of float32 products -> one of products in 8 bits, a quarter of the size.

onnxruntime's own dynamic quantisation: every column of a matrix has a scale of its own,
the numbers that meet it get one scale at a time, when they come. Weights of 7 bits are
tried first: processors without instructions for 8 add two products in 16 bits, where
only these always fit, and are otherwise slower. Then 8 bits, then 8 bits with the
layers in float32 that lose most.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from spamft.export.onnx_graph import HEAD
from spamft.plumbing.extras import needed

__all__ = ["Attempt", "attempts", "layers_by_error", "quantise"]

LEVELS = 255  # steps between the lowest and the highest of 8 bits
READY = {"onnx.quant.pre_process": "onnxruntime.quant"}  # else it asks for what we did
KINDS = ("MatMul", "Gather")  # products, and the look-up of a token's vector


class Attempt(NamedTuple):
    """One way to quantise."""

    bits: int  # of a weight
    kept: tuple[str, ...]  # layers that stay in float32

    def __str__(self) -> str:
        if not self.kept:
            return f"weights of {self.bits} bits"
        return f"weights of {self.bits} bits, in float32 {', '.join(self.kept)}"


def attempts(by_error: Callable[[], list[str]]) -> Iterator[Attempt]:
    """The ways to try, the smallest first; `by_error` gives the layers that lose most
    first, and is asked only if some must be kept."""
    yield Attempt(7, ())
    yield Attempt(8, ())
    layers, count = by_error(), 1
    while count < len(layers):
        yield Attempt(8, tuple(layers[:count]))
        count *= 2


def quantise(model: Any, path: Path, attempt: Attempt) -> None:
    """Write an onnx.ModelProto with its layers in 8 bits, but for those to be kept."""
    tool = needed("onnxruntime.quantization", "to quantise", "export")
    onnx = needed("onnx", "to quantise", "export")
    onnx.helper.set_model_props(model, READY)
    seven = attempt.bits == 7
    chosen = {n.name for n in _layers(model)} - set(attempt.kept)
    tool.quantize_dynamic(
        model,
        path,
        op_types_to_quantize=list(KINDS),
        per_channel=True,
        reduce_range=seven,
        weight_type=tool.QuantType.QInt8 if seven else tool.QuantType.QUInt8,
        # not the chosen ones by name: of none it would take all
        nodes_to_exclude=[n.name for n in model.graph.node if n.name not in chosen],
        extra_options={"MatMulConstBOnly": True},
    )


def layers_by_error(model: Any, given: Mapping[str, np.ndarray]) -> list[str]:
    """The layers that can be quantised, by how much that changes what they give.

    Each is asked alone, with what enters it for the inputs `given`.
    """
    weights, nodes = _weights(model), _layers(model)
    enters = {node.name: _entering(node) for node in nodes}
    values = dict(given) | _values(model, given, set(enters.values()) - set(given))
    errors = {}
    for node in nodes:
        x = values[enters[node.name]]
        if node.op_type == "Gather":
            table = weights[node.input[0]]
            exact, coarse = table[x], _rounded(table)[x]
        else:
            weight = weights[node.input[1]]
            exact, coarse = x @ weight, _rounded(x) @ _rounded(weight, axis=0)
        errors[node.name] = np.linalg.norm(coarse - exact) / np.linalg.norm(exact)
    return sorted(errors, key=lambda name: -errors[name])


def _layers(model: Any) -> list[Any]:
    """The operators that are layers: Graph names others by their kind. The head, whose
    few numbers decide, is never in 8 bits."""
    return [
        node
        for node in model.graph.node
        if node.op_type in KINDS and node.name != HEAD
        if not node.name.startswith(f"{node.op_type}.")
    ]


def _entering(node: Any) -> str:
    """What meets a layer's weights: numbers for a product, places for a look-up."""
    return node.input[1] if node.op_type == "Gather" else node.input[0]


def _weights(model: Any) -> dict[str, np.ndarray]:
    from onnx import numpy_helper

    return {w.name: numpy_helper.to_array(w) for w in model.graph.initializer}


def _values(
    model: Any, given: Mapping[str, np.ndarray], names: Iterable[str]
) -> dict[str, np.ndarray]:
    """What the values of these names are, inside the graph."""
    import onnx
    import onnxruntime

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    names = sorted(names)
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(watched.SerializeToString())
    return dict(zip(names, session.run(names, dict(given)), strict=True))


def _rounded(numbers: np.ndarray, axis: int | None = None) -> np.ndarray:
    """What 8 bits leave of the numbers: of all, or of each column."""
    low = np.minimum(numbers.min(axis, keepdims=True), 0)
    high = np.maximum(numbers.max(axis, keepdims=True), 0)
    step = np.maximum((high - low) / LEVELS, np.finfo(np.float32).tiny)
    return np.round(numbers / step) * step
