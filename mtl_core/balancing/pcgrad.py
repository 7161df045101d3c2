"""PCGrad: from each gradient its component against the others is removed, and the results are summed.

Yu, Kumar, Gupta, Levine, Hausman and Finn 2020, "Gradient Surgery for Multi-Task Learning", NeurIPS, algorithm 1: one
after another in random order.
"""

from typing import ClassVar

from torchjd import aggregation
from torchjd.aggregation import Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer


class PCGradBalancer(AggregationBalancer):
    """Without conflict, the sum of the gradients."""

    method: ClassVar[str] = "pcgrad"

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return aggregation.PCGrad()
