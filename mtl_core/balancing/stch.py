"""STCH: smooth Tchebycheff scalarisation, a smooth maximum of the losses weighted by preference.

Lin, Zhang, Yang, Liu, Wang and Zhang 2024, "Smooth Tchebycheff Scalarization for Multi-Objective Optimization", ICML,
equation 9; the ideal point is 0.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchjd import scalarization

from mtl_core.balancing.base import normalised_preference
from mtl_core.balancing.scalarisation import ScalarisationBalancer


class STCHBalancer(ScalarisationBalancer):
    """`mu` smooths the maximum; `preference`: a positive number per task."""

    def __init__(self, *, mu: float, preference: Sequence[float]) -> None:
        super().__init__()
        self._mu, self._preference = mu, torch.tensor(preference)

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        return scalarization.STCH(self._mu, normalised_preference(self._preference, positions))(losses)
