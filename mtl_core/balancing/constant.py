"""Weighted sum of the losses, with constant weights: the tuned baseline of Kurin 2022 and Xin 2022, see `static`."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchjd import scalarization

from mtl_core.balancing.scalarisation import ScalarisationBalancer


class ConstantBalancer(ScalarisationBalancer):
    """`weights`: one per task."""

    def __init__(self, *, weights: Sequence[float]) -> None:
        super().__init__()
        self._weights = torch.tensor(weights)

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        return scalarization.Constant(self._weights[positions])(losses)
