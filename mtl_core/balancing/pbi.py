"""PBI: penalty-based boundary intersection, which drives the losses towards a preferred direction.

Zhang and Li 2007, "MOEA/D: A Multiobjective Evolutionary Algorithm Based on Decomposition", IEEE Transactions on
Evolutionary Computation 11, section II-C; the ideal point is 0.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchjd import scalarization

from mtl_core.balancing.base import normalised_preference
from mtl_core.balancing.scalarisation import ScalarisationBalancer


class PBIBalancer(ScalarisationBalancer):
    """Distance along the preferred direction plus `theta` times the distance from it."""

    def __init__(self, *, theta: float, preference: Sequence[float]) -> None:
        super().__init__()
        self._theta, self._preference = theta, torch.tensor(preference)

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        return scalarization.PBI(self._theta, normalised_preference(self._preference, positions))(losses)
