"""A classifier -> one ONNX graph: tokens and lengths in, calibrated probabilities out.

    ids (B, T) int64        the tokens of B messages, filled up on the right with any id
    lengths (B,) int64      how many of them are the message's, at least 1
    probabilities (B, K)    softmax(logits / temperature), float32

Any B, and any T up to the model's `max_length`. What fills up is never read.
"""

from typing import Any

from spamft.classifier import POOLINGS, GPTClassifier
from spamft.models.architectures import name_of
from spamft.models.attention import attention_of
from spamft.models.graph import OPSET, Graph
from spamft.models.operators import OPERATORS
from spamft.plumbing.errors import SpamftError

__all__ = ["HEAD", "onnx_model"]

IR = 9  # of the file's form, the oldest with OPSET: more programs open it
MOST = 2**31 - 2**20  # bytes of one file, protobuf's limit and some room
FLOAT = 1  # ONNX's number for float32
HEAD = "head"  # the name of the product that gives the logits


def onnx_model(model: GPTClassifier, temperature: float, pad_id: int) -> Any:
    """The classifier as an onnx.ModelProto, checked by ONNX's own rules.

    `pad_id` fills up messages where the last column is read. Raises SpamftError for an
    architecture or a pooling that has no operators, and for more than 2 GB of weights.
    """
    graph = Graph(model.max_length)
    hidden = _pooled(graph, model, _place(graph, model, pad_id))  # (B, 1, C)
    head = model.head
    logits = graph.linear(hidden, HEAD, head.weight, head.bias)
    logits = graph("Squeeze", logits, graph.row(1))
    calm = graph("Div", logits, graph.number(float(temperature)))
    graph("Softmax", calm, name="probabilities")
    return _finished(graph, len(model.label_names))


def _place(graph: Graph, model: GPTClassifier, pad_id: int) -> str | None:
    """(B, 1), the place of the token that is read; None for the mean of all.

    If it is the last column, `graph` is changed: it fills up every message itself.
    """
    if model.pooling == "mean":
        return None
    if model.pooling == "last_real":
        return graph("Sub", graph.column(), graph.number(1))
    zero = graph("Mul", graph.column(), graph.number(0))
    if model.pooling == "first":
        return zero
    if model.pooling == "last":
        graph.fill_up(pad_id)
        return graph("Add", zero, graph.number(model.max_length - 1))
    raise SpamftError(f"pooling {model.pooling!r} has no ONNX operators")


def _pooled(graph: Graph, model: GPTClassifier, at: str | None) -> str:
    """(B, 1, C), what the head reads: the token `at`, or the mean of all real ones."""
    gpt, operators = model.gpt, OPERATORS.get(name_of(model.gpt))
    if operators is None:
        raise SpamftError(f"what a {type(gpt).__name__} computes has no ONNX operators")
    x = operators.embed(graph, gpt)
    for number, block in enumerate(gpt.blocks):
        asking = at if number == len(gpt.blocks) - 1 else None
        mask = _mask(graph, model, asking)
        x = operators.block(graph, block, f"blocks.{number}", x, mask, asking)
    x = graph.norm(x, "final_norm", gpt.final_norm)
    if at is not None:
        return x
    real = graph("Cast", graph("Unsqueeze", graph.real(), graph.row(2)), to=FLOAT)
    total = graph("ReduceSum", graph("Mul", x, real), graph.row(1))
    return graph("Div", total, graph("ReduceSum", real, graph.row(1)))


def _mask(graph: Graph, model: GPTClassifier, at: str | None) -> str:
    """Which tokens are seen by all, or by those `at`; see models/attention.py."""
    if attention_of(model.gpt) == "causal":
        return graph.causal(at)
    if POOLINGS[model.pooling].fixed_width:  # the padding is a part of the input
        return graph.number(0.0)
    return graph.hide(graph("Unsqueeze", graph.real(), graph.row(1, 2, 3)))


def _finished(graph: Graph, classes: int) -> Any:
    """The graph as a model."""
    from onnx import TensorProto, checker, helper

    def named(name: str, kind: int, *shape: str | int) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    if sum(each.ByteSize() for each in graph.weights.values()) > MOST:
        raise SpamftError("a file of ONNX holds at most 2 GB, and the weights are more")
    given = [
        named("ids", TensorProto.INT64, "messages", "tokens"),
        named("lengths", TensorProto.INT64, "messages"),
    ]
    gives = [named("probabilities", TensorProto.FLOAT, "messages", classes)]
    weights = list(graph.weights.values())
    whole = helper.make_graph(graph.nodes, "spamft", given, gives, weights)
    opset = [helper.make_opsetid("", OPSET)]
    made = helper.make_model(whole, opset_imports=opset, ir_version=IR)
    checker.check_model(made)
    return made
