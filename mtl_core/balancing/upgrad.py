"""UPGrad: a direction that raises no task's loss to first order.

Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization", section 4: each gradient is projected to the
cone in which it conflicts with none of them, and the projections are averaged.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torchjd import aggregation
from torchjd.aggregation import Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer
from mtl_core.balancing.preference import shares


class UPGradBalancer(AggregationBalancer):
    """Without conflict, the mean gradient weighed by preference."""

    method: ClassVar[str] = "upgrad"
    packages: ClassVar[tuple[str, ...]] = ("qpsolvers", "quadprog")

    def __init__(self, tasks: tuple[str, ...], *, preference: Sequence[float]) -> None:
        """`preference`: a positive number per task."""
        super().__init__(tasks)
        self._preference = torch.tensor(preference)

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return aggregation.UPGrad(shares(self._preference, positions))
