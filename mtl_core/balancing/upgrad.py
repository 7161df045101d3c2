"""UPGrad: a direction that raises no task's loss to first order.

Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization", section 4: each gradient is projected onto
the dual cone of all gradients, in which it conflicts with none of them, and the projections are averaged.
"""

from typing import ClassVar

from torchjd.aggregation import Aggregator, UPGrad

from mtl_core.balancing.aggregation import AggregationBalancer


class UPGradBalancer(AggregationBalancer):
    """Without conflict, the direction is the mean gradient weighted by preference."""

    method: ClassVar[str] = "upgrad"
    packages: ClassVar[tuple[str, ...]] = ("qpsolvers", "quadprog")

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return UPGrad(self.preference(positions))
