"""DualProj: the mean gradient, projected to where it conflicts with no task's.

Lopez-Paz and Ranzato 2017, "Gradient Episodic Memory for Continual Learning" (GEM), NeurIPS, equation 11.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torchjd import aggregation
from torchjd.aggregation import Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer
from mtl_core.balancing.preference import shares


class DualProjBalancer(AggregationBalancer):
    """Without conflict, the mean gradient weighed by preference."""

    method: ClassVar[str] = "dual_proj"
    packages: ClassVar[tuple[str, ...]] = ("qpsolvers", "quadprog")

    def __init__(self, tasks: tuple[str, ...], *, preference: Sequence[float]) -> None:
        """`preference`: a positive number per task."""
        super().__init__(tasks)
        self._preference = torch.tensor(preference)

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return aggregation.DualProj(shares(self._preference, positions))
