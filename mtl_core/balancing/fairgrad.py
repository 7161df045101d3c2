"""FairGrad: the direction that is alpha-fair between the decreases of the tasks' losses.

Ban and Ji 2024, "Fair Resource Allocation in Multi-Task Learning", ICML, equation 4 and algorithm 1.
"""

from typing import ClassVar

from torchjd.aggregation import Aggregator, FairGrad

from mtl_core.balancing.aggregation import AggregationBalancer


class FairGradBalancer(AggregationBalancer):
    """`alpha`: near 0 the sum of the decreases is maximised, at 1 their product, for large values the smallest."""

    method: ClassVar[str] = "fairgrad"
    packages: ClassVar[tuple[str, ...]] = ("scipy",)

    def __init__(self, tasks: tuple[str, ...], *, alpha: float) -> None:
        super().__init__(tasks)
        self._alpha = alpha

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return FairGrad(self._alpha)
