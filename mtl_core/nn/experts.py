"""Experts, and gates that mix them."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.nn.dropout import dropout
from mtl_core.nn.linear import linear


class Experts(nn.Module):
    """Parallel MLPs, each like `MLP`: (..., width), one for all or one each -> (experts, ..., out_width).

    The weights of a layer are one parameter, so all experts of a module must serve the same tasks.
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
    """A layer of an `MLP` for every expert, with the same distribution of initial weights."""

    def __init__(self, experts: int, width: int, out_width: int, dropout: float) -> None:
        super().__init__()
        bound, self.dropout = width**-0.5, dropout
        self.weight = nn.Parameter(torch.empty(experts, out_width, width).uniform_(-bound, bound))
        # One-dimensional, so that the number of dimensions still distinguishes weights from other parameters.
        self.bias = nn.Parameter(torch.empty(experts * out_width).uniform_(-bound, bound))
        self.scale = nn.Parameter(torch.ones(experts * out_width))
        self.shift = nn.Parameter(torch.zeros(experts * out_width))

    def forward(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # each (..., width) -> each (..., out_width)
        # One expert at a time: its activations fit into a processor's cache, those of all experts do not.
        experts, out_width, _ = self.weight.shape
        vectors = (vector.view(experts, out_width) for vector in (self.bias, self.scale, self.shift))
        return tuple(self._expert(*parts) for parts in zip(inputs, self.weight, *vectors, strict=True))

    def _expert(self, x: Tensor, weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        product = linear(x, weight, bias) if self.training else F.linear(x, weight, bias)
        x = F.relu(F.layer_norm(product, scale.shape, scale, shift))
        return dropout(x, self.dropout) if self.training else x


class Gate(nn.Module):
    """Mixture of experts by the softmax of a linear layer of the gate's input."""

    def __init__(self, width: int, experts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, experts)

    def weights(self, x: Tensor) -> Tensor:  # (..., width) -> (..., experts)
        """Weights of the experts, with sum 1."""
        return torch.softmax(self.linear(x), dim=-1)

    def forward(self, x: Tensor, experts: Tensor) -> Tensor:  # (..., width), (experts, ..., out_width)
        return mixture(self.weights(x), experts)  # (..., out_width)


def mixture(weights: Tensor, experts: Tensor) -> Tensor:
    """Weighted sum of experts: (..., experts), (experts, ..., width) -> (..., width)."""
    return torch.matmul(weights.unsqueeze(-2), experts.movedim(0, -2)).squeeze(-2)
