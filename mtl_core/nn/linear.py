"""Linear layers that training computes with oneDNN where they are large, since that is faster than torch's product."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_PRODUCTS = 2**26
"""Minimum multiplications of a layer for oneDNN; with fewer, the call takes longer than the product."""
ONEDNN: bool = torch.backends.mkldnn.is_available() and hasattr(  # type: ignore[no-untyped-call]  # torch leaves it so
    torch.ops.mkldnn, "_linear_pointwise"
)
"""True if this torch has the operator, which belongs to torch's compiler; other builds may lack it."""


class OneDnnLinear(nn.Linear):
    """`linear` in training mode, `nn.Linear` in evaluation mode and in the exported graph."""

    def forward(self, x: Tensor) -> Tensor:
        return (linear if self.training else F.linear)(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Linear layer, equal to `F.linear` up to rounding.

    (..., width), (out_width, width), (out_width,) -> (..., out_width).
    """
    if not ONEDNN or x.dtype != torch.float32 or x.numel() * len(weight) < MIN_PRODUCTS:
        return F.linear(x, weight, bias)
    # The gradient of the weight is a product with x.T: oneDNN takes 500 times as long where rows are not contiguous.
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    product: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return product.view(*x.shape[:-1], len(weight))


class _Linear(torch.autograd.Function):
    """x W' + b; its gradients are products of the same operator."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # (B, I), (O, I), (O,) -> (B, O)
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return product

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # (B, O)
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        return (
            _Linear.apply(gradient, weight.T, None) if needs_x else None,  # type: ignore[no-untyped-call]
            _Linear.apply(gradient.T, x.T, None) if needs_weight else None,  # type: ignore[no-untyped-call]
            gradient.sum(0) if needs_bias else None,
        )

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], x: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
        """Batched gradients, which oneDNN does not support."""
        x, weight = (
            tensor if dim is None else tensor.movedim(dim, 0) for tensor, dim in zip((x, weight), dims, strict=False)
        )
        product = x @ weight.mT
        return (product if bias is None else product + bias), 0
