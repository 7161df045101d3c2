"""Nash-MTL: the tasks bargain for a direction, and Nash's solution gives their weights.

Navon, Shamsian, Achituve, Maron, Kawaguchi, Chechik and Fetaya 2022, "Multi-Task Learning as a Bargaining Game", ICML,
algorithm 1: each weight is the inverse of the direction's product with the task's gradient. If the solver fails, the
weights stay as they are.

Departs from the authors' code: the solver gets rows of length 1, which do not change the solution and make failures
rare; and the direction is not clipped to a norm of 1.
"""

from typing import ClassVar

from torchjd.aggregation import Aggregator, NashMTL

from mtl_core.balancing.aggregation import AggregationBalancer


class NashMTLBalancer(AggregationBalancer):
    """The slowest method. `every`: steps that reuse a solution; `iterations`: maximum convex problems per solution."""

    method: ClassVar[str] = "nash_mtl"
    packages: ClassVar[tuple[str, ...]] = ("cvxpy", "ecos")
    normalize_gradients: ClassVar[bool] = True

    def __init__(self, tasks: tuple[str, ...], *, every: int, iterations: int) -> None:
        super().__init__(tasks)
        self._every, self._iterations = every, iterations

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return NashMTL(len(positions), max_norm=0.0, update_weights_every=self._every, optim_niter=self._iterations)
