"""What trunks are built of."""

from itertools import pairwise
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mtl_core.trunks.dropout import QuickDropout, dropped
from mtl_core.trunks.linear import QuickLinear, linear

__all__ = ["Count", "Dropout", "Experts", "Gate", "Stack", "Width", "Widths", "mixed"]

Width = Annotated[int, Field(ge=1, le=65_536)]
Widths = Annotated[tuple[Width, ...], Field(min_length=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1, le=64)]
"""Of experts, levels, heads, rounds."""


class Stack(nn.Module):
    """Linear layers with LayerNorm (no running statistics that a task at rest could see move), ReLU and dropout."""

    def __init__(self, width: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for out_width in widths:
            layers += [QuickLinear(width, out_width), nn.LayerNorm(out_width), nn.ReLU(), QuickDropout(dropout)]
            width = out_width
        self.layers = nn.Sequential(*layers)
        self.out_width = width

    def forward(self, x: Tensor) -> Tensor:  # (..., width) -> (..., out_width)
        out: Tensor = self.layers(x)
        return out


class Experts(nn.Module):
    """Stacks side by side, each as a `Stack` is: (..., width), one for all or one each -> (experts, ..., out_width).

    Each layer's weights are one parameter, so these are experts that serve the same tasks.
    """

    def __init__(self, experts: int, width: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.experts, self.out_width = experts, widths[-1]
        self.layers = nn.ModuleList(_ExpertLayer(experts, *pair, dropout) for pair in pairwise((width, *widths)))

    def forward(self, *inputs: Tensor) -> Tensor:
        experts = inputs if len(inputs) > 1 else inputs * self.experts
        for layer in self.layers:
            experts = layer(experts)
        return torch.stack(experts)


class _ExpertLayer(nn.Module):
    """A layer of a `Stack` for every expert, which starts as that does."""

    def __init__(self, experts: int, width: int, out_width: int, dropout: float) -> None:
        super().__init__()
        bound, self.dropout = width**-0.5, dropout
        self.weight = nn.Parameter(torch.empty(experts, out_width, width).uniform_(-bound, bound))
        # One-dimensional, so that the dimensions of a parameter still tell weights from the rest.
        self.bias = nn.Parameter(torch.empty(experts * out_width).uniform_(-bound, bound))
        self.scale = nn.Parameter(torch.ones(experts * out_width))
        self.shift = nn.Parameter(torch.zeros(experts * out_width))

    def forward(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # each (..., width) -> each (..., out_width)
        # One by one: a processor's cache holds what one expert makes, not what all of them do.
        experts, out_width, _ = self.weight.shape
        vectors = (vector.view(experts, out_width) for vector in (self.bias, self.scale, self.shift))
        return tuple(self._expert(*parts) for parts in zip(inputs, self.weight, *vectors, strict=True))

    def _expert(self, x: Tensor, weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        product = linear(x, weight, bias) if self.training else F.linear(x, weight, bias)
        x = F.relu(F.layer_norm(product, scale.shape, scale, shift))
        return dropped(x, self.dropout) if self.training else x


class Gate(nn.Module):
    """Mixes experts by a softmax over a linear layer of what the gate sees."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, experts)

    def weights(self, x: Tensor) -> Tensor:  # (..., width) -> (..., experts)
        return torch.softmax(self.linear(x), dim=-1)

    def forward(self, x: Tensor, experts: Tensor) -> Tensor:  # (..., width), (experts, ..., out_width)
        return mixed(self.weights(x), experts)  # (..., out_width)


def mixed(weights: Tensor, experts: Tensor) -> Tensor:
    """Weighted sum of experts: (..., experts), (experts, ..., width) -> (..., width)."""
    return torch.matmul(weights.unsqueeze(-2), experts.movedim(0, -2)).squeeze(-2)
