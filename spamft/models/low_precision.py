"""Frozen linear layers that multiply in fewer bits: float32 in and out.

    bf16   weight, input and product rounded to bfloat16, which keeps 8 of 24 binary
           digits
    int8   weight and input rounded to whole numbers from -127 to 127: a weight with a
           scale for each output channel, an input with one for each token

In int8 the largest channel of a token decides how coarse all others become, and trained
models have a few channels that are a hundred times larger than the rest. Those are
multiplied in float32, beside the others. After LLM.int8(), Dettmers et al., 2022,
arXiv 2208.07339.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.plumbing.errors import SpamftError

__all__ = ["BF16Linear", "Int8Linear", "LowPrecisionLinear"]


class LowPrecisionLinear(nn.Linear):
    """A frozen linear layer that multiplies in fewer bits: float32 in and out.

    Weight and bias are those of the layer given. Gradients pass through to its input.
    """

    def __init__(self, linear: nn.Linear):
        # on "meta" no numbers are drawn that are replaced at once
        sizes = linear.in_features, linear.out_features, linear.bias is not None
        super().__init__(*sizes, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.requires_grad_(False).train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        if self.weight.requires_grad:
            raise SpamftError(
                "a layer that multiplies in fewer bits is frozen: it cannot train"
            )
        return _Product.apply(x, self)

    def multiply(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out), without the bias; a tensor of its own."""
        raise NotImplementedError

    def multiply_back(self, gradient: Tensor) -> Tensor:
        """(..., out) -> (..., in)."""
        raise NotImplementedError


class BF16Linear(LowPrecisionLinear):
    """Weight, input and product are rounded to bfloat16."""

    precision = "bf16"

    def __init__(self, linear: nn.Linear):
        super().__init__(linear)
        rounded = self.weight.detach().bfloat16()
        self.register_buffer("rounded", rounded, persistent=False)

    def multiply(self, x: Tensor) -> Tensor:
        return F.linear(x.bfloat16(), self.rounded).float()

    def multiply_back(self, gradient: Tensor) -> Tensor:
        return (gradient.bfloat16() @ self.rounded).float()


class Int8Linear(LowPrecisionLinear):
    """Whole numbers times scales, but for the `outliers`, (k,) input channels.

    The sums of whole numbers are exact, so a token's product does not depend on the
    other tokens of its batch.
    """

    precision = "int8"

    def __init__(self, linear: nn.Linear, outliers: Tensor):
        super().__init__(linear)
        weight = self.weight.detach()
        codes, scales = _to_int8(weight, outliers)
        for name, buffer in (
            ("codes", codes),  # (out, in) int8
            ("scales", scales[:, 0]),  # (out,)
            ("outliers", outliers),  # (k,) int64
            ("exact", weight[:, outliers]),  # (out, k) float32
        ):
            self.register_buffer(name, buffer, persistent=False)

    def multiply(self, x: Tensor) -> Tensor:
        rows = x.float().flatten(0, -2)
        codes, scales = _to_int8(rows, self.outliers)
        whole = torch._int_mm(codes, self.codes.t())  # (rows, out) int32
        product = whole.float().mul_(self.scales).mul_(scales)
        product.addmm_(rows[:, self.outliers], self.exact.t())
        return product.unflatten(0, x.shape[:-1])

    def multiply_back(self, gradient: Tensor) -> Tensor:
        return gradient @ self.weight  # float32: gradients have outliers of their own


class _Product(torch.autograd.Function):
    """A product of a frozen layer; its gradient, too, goes through that layer."""

    @staticmethod
    def forward(ctx, x: Tensor, layer: LowPrecisionLinear) -> Tensor:
        ctx.layer = layer
        product = layer.multiply(x)
        return product if layer.bias is None else product.add_(layer.bias)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.layer.multiply_back(gradient), None


def _to_int8(rows: Tensor, outliers: Tensor) -> tuple[Tensor, Tensor]:
    """(n, in) -> whole numbers (n, in) int8, 0 for outliers, and scales (n, 1) float32.

    Each number is about its whole number times the scale of its row.
    """
    work = rows.abs().index_fill_(1, outliers, 0)
    scales = work.amax(1, keepdim=True).clamp_(min=1e-30).div_(127)
    torch.div(rows, scales, out=work).round_().index_fill_(1, outliers, 0)
    return work.to(torch.int8), scales
