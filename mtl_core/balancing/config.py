"""ConFIG: the direction that has the same cosine with every task's gradient.

Liu, Chu and Thuerey 2024, "ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks", equation 2. The
length is the sum of the gradients' projections on the direction.
"""

from typing import ClassVar

from torchjd.aggregation import Aggregator, ConFIG

from mtl_core.balancing.aggregation import AggregationBalancer


class ConFIGBalancer(AggregationBalancer):
    """With preferences, the cosines are proportional to them."""

    method: ClassVar[str] = "config"

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return ConFIG(self.preference(positions))
