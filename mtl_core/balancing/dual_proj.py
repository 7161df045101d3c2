"""DualProj: projection of the mean gradient to the nearest direction without conflict.

Lopez-Paz and Ranzato 2017, "Gradient Episodic Memory for Continual Learning" (GEM), NeurIPS, equation 11.
"""

from typing import ClassVar

from torchjd.aggregation import Aggregator, DualProj

from mtl_core.balancing.aggregation import AggregationBalancer


class DualProjBalancer(AggregationBalancer):
    """Without conflict, the direction is the mean gradient weighted by preference."""

    method: ClassVar[str] = "dual_proj"
    packages: ClassVar[tuple[str, ...]] = ("qpsolvers", "quadprog")

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return DualProj(self.preference(positions))
