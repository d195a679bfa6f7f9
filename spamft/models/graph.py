"""ONNX operators, collected one by one: what a program without PyTorch computes.

A value is known by its name. Shapes are those of operators.py.
"""

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["OPSET", "Graph"]

OPSET = 20  # of ONNX: the first with Gelu


class Graph:
    """ONNX operators in the order in which they are called, and their weights.

    The same operator on the same values is there once, however often it is called. The
    graph is given `ids` (B, T) and `lengths` (B,); `most` is the largest T.
    """

    def __init__(self, most: int):
        self.ids, self.most = "ids", most
        self.nodes: list[Any] = []
        self.weights: dict[str, Any] = {}
        self._known: dict[str, list[str]] = {}

    def __call__(self, kind: str, *inputs: str, **settings: Any) -> str:
        """Add an operator; return the name of what it gives."""
        return self.several(1, kind, *inputs, **settings)[0]

    def several(
        self, count: int, kind: str, *inputs: str, name: str = "", **settings: Any
    ) -> list[str]:
        """Add an operator that gives `count` values; return their names."""
        from onnx import helper

        call = repr((count, kind, inputs, name, settings))
        if call not in self._known:
            name = name or f"{kind}.{len(self.nodes)}"
            given = [name] if count == 1 else [f"{name}.{i}" for i in range(count)]
            self.nodes.append(helper.make_node(kind, inputs, given, name, **settings))
            self._known[call] = given
        return self._known[call]

    def weight(self, name: str, tensor: Tensor) -> str:
        """Keep a tensor under this name, which is returned."""
        from onnx import numpy_helper

        array = tensor.detach().cpu().contiguous().numpy()
        self.weights[name] = numpy_helper.from_array(array, name)
        return name

    def number(self, value: float | int) -> str:
        """A single number, of the type that it has in Python."""
        return self.weight(repr(value), torch.tensor(value))

    def row(self, *values: int) -> str:
        """A row of whole numbers: axes, a shape."""
        return self.weight(repr(list(values)), torch.tensor(values))

    def linear(self, x: str, name: str, weight: Tensor, bias: Tensor | None) -> str:
        """(..., in) -> (..., out); the product has the layer's name."""
        y = self("MatMul", x, self.weight(f"{name}.weight", weight.T), name=name)
        return y if bias is None else self("Add", y, self.weight(f"{name}.bias", bias))

    def norm(self, x: str, name: str, layer: nn.LayerNorm | nn.RMSNorm) -> str:
        """LayerNorm or RMSNorm over the channels."""
        scale = self.weight(f"{name}.weight", layer.weight)
        if isinstance(layer, nn.LayerNorm):
            bias = self.weight(f"{name}.bias", layer.bias)
            return self("LayerNormalization", x, scale, bias, epsilon=layer.eps)
        square = self("ReduceMean", self("Mul", x, x), self.row(-1))
        length = self("Sqrt", self("Add", square, self.number(layer.eps)))
        return self("Mul", self("Div", x, length), scale)

    def width(self) -> str:
        """(1,), T."""
        return self("Shape", self.ids, start=1, end=2)

    def here(self) -> str:
        """(T,), the places 0, 1, 2 ... of the tokens."""
        width = self("Squeeze", self.width())
        return self("Range", self.number(0), width, self.number(1))

    def hide(self, seen: str) -> str:
        """What is added to hide all but `seen`: 0 there, minus infinity elsewhere."""
        return self("Where", seen, self.number(0.0), self.number(-torch.inf))

    def causal(self, at: str | None) -> str:
        """The mask with which each token, or those `at` (B, 1), see none after it."""
        if at is not None:
            seen = self("LessOrEqual", self.here(), at)  # (B, T)
            return self.hide(self("Unsqueeze", seen, self.row(1, 2, 3)))
        here = self.here()
        own = self("Unsqueeze", here, self.row(1))
        return self.hide(self("LessOrEqual", here, own))  # (T, T)

    def column(self) -> str:
        """(B, 1), how many tokens each message has."""
        return self("Unsqueeze", "lengths", self.row(1))

    def real(self) -> str:
        """(B, T), whether a token is one of the message's, not padding."""
        return self("Less", self.here(), self.column())

    def fill_up(self, pad_id: int) -> None:
        """From here on every message has `most` tokens, the missing ones `pad_id`."""
        missing = self("Sub", self.row(self.most), self.width())
        amounts = self("Concat", self.row(0, 0, 0), missing, axis=0)
        self.ids = self("Pad", self.ids, amounts)
        self.ids = self("Where", self.real(), self.ids, self.number(pad_id))

    def pick(self, x: str, at: str | None) -> str:
        """(B, T, C) -> (B, 1, C), the token at each of `at` (B, 1); all without it."""
        if at is None:
            return x
        return self("Unsqueeze", self("GatherND", x, at, batch_dims=1), self.row(1))

    def heads(self, x: str, groups: int, sharing: int = 1) -> str:
        """(B, T, G R D) -> (B, G, R, T, D)."""
        parts = self("Reshape", x, self.row(0, 0, groups, sharing, -1))
        return self("Transpose", parts, perm=[0, 2, 3, 1, 4])

    def gather(self, q: str, k: str, v: str, mask: str, head_dim: int) -> str:
        """What Q queries find among T tokens: (B, Q, C)."""
        q = self("Mul", q, self.number(head_dim**-0.5))
        fits = self("MatMul", q, self("Transpose", k, perm=[0, 1, 2, 4, 3]))
        found = self("MatMul", self("Softmax", self("Add", fits, mask)), v)
        found = self("Transpose", found, perm=[0, 3, 1, 2, 4])
        return self("Reshape", found, self.row(0, 0, -1))
