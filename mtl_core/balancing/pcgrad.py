"""PCGrad: each gradient is projected onto the normal plane of those it conflicts with, and the results are summed.

Yu, Kumar, Gupta, Levine, Hausman and Finn 2020, "Gradient Surgery for Multi-Task Learning", NeurIPS, algorithm 1. The
projections are made in random order.
"""

from typing import ClassVar

from torchjd.aggregation import Aggregator, PCGrad

from mtl_core.balancing.aggregation import AggregationBalancer


class PCGradBalancer(AggregationBalancer):
    """Without conflict, the direction is the sum of the gradients."""

    method: ClassVar[str] = "pcgrad"

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return PCGrad()
