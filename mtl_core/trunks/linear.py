"""Linear layers whose products oneDNN computes while training: on some processors twice as fast as what torch calls."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["QuickLinear", "linear"]

ONEDNN: bool = torch.backends.mkldnn.is_available() and hasattr(  # type: ignore[no-untyped-call]  # torch leaves it so
    torch.ops.mkldnn, "_linear_pointwise"
)
"""Whether this torch has the product: it belongs to torch's compiler, so another build or version may lack it."""


class QuickLinear(nn.Linear):
    """`linear` while training; else as it ever was, and is exported."""

    def forward(self, x: Tensor) -> Tensor:
        return (linear if self.training else F.linear)(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(..., width), (out_width, width), (out_width,) -> (..., out_width), as `F.linear` to within rounding."""
    if not ONEDNN or x.dtype != torch.float32 or not x.numel():
        return F.linear(x, weight, bias)
    product: Tensor = _Linear.apply(x.reshape(-1, x.shape[-1]), weight, bias)  # type: ignore[no-untyped-call]
    return product.view(*x.shape[:-1], len(weight))


class _Linear(torch.autograd.Function):
    """x W' + b; its gradients are two such products more."""

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
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _Linear.apply(gradient, weight.T, None) if of_x else None,  # type: ignore[no-untyped-call]
            _Linear.apply(gradient.T, x.T, None) if of_weight else None,  # type: ignore[no-untyped-call]
            gradient.sum(0) if of_bias else None,
        )

    @staticmethod
    def vmap(info: Any, places: tuple[int | None, ...], x: Tensor, weight: Tensor, bias: Tensor | None) -> Any:
        """Of several gradients at once, which oneDNN's product does not know."""
        x, weight = (
            tensor if place is None else tensor.movedim(place, 0)
            for tensor, place in zip((x, weight), places, strict=False)
        )
        product = x @ weight.mT
        return (product if bias is None else product + bias), 0
