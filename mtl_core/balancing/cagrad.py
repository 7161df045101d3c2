"""CAGrad: the vector in a ball around the mean gradient that maximises the smallest decrease of a task's loss.

Liu, Liu, Jin, Stone and Liu 2021, "Conflict-Averse Gradient Descent for Multi-task Learning", NeurIPS, algorithm 1.
"""

from typing import ClassVar

from torchjd.aggregation import Aggregator, CAGrad

from mtl_core.balancing.aggregation import AggregationBalancer


class CAGradBalancer(AggregationBalancer):
    """`c`: radius of the ball, relative to the length of the mean gradient."""

    method: ClassVar[str] = "cagrad"
    packages: ClassVar[tuple[str, ...]] = ("cvxpy", "clarabel")

    def __init__(self, tasks: tuple[str, ...], *, c: float) -> None:
        super().__init__(tasks)
        self._c = c

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return CAGrad(self._c)
