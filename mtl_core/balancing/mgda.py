"""MGDA: the shortest vector in the convex hull of the gradients.

Désidéri 2012, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", Comptes Rendus
Mathématique 350, by the algorithm of Frank and Wolfe as in Sener and Koltun 2018, "Multi-Task Learning as
Multi-Objective Optimization", NeurIPS, algorithm 2.
"""

from typing import ClassVar

from torchjd.aggregation import MGDA, Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer


class MGDABalancer(AggregationBalancer):
    """The direction lowers every loss; it is 0 where a convex combination of the gradients is 0."""

    method: ClassVar[str] = "mgda"

    def __init__(self, tasks: tuple[str, ...], *, iterations: int) -> None:
        super().__init__(tasks)
        self._iterations = iterations

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return MGDA(max_iters=self._iterations)
