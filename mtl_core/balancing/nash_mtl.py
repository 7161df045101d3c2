"""Nash-MTL: the tasks bargain for a direction, and Nash's solution gives their weights.

Navon, Shamsian, Achituve, Maron, Kawaguchi, Chechik and Fetaya 2022, "Multi-Task Learning as a Bargaining Game", ICML,
algorithm 1: each weight is the inverse of the direction's product with the task's gradient. Where the solver fails, the
weights stay as they are.

Departs from the authors' code: the solver gets rows of one length, which change no bargain and make failures rare; and
the direction is not clipped to a norm of 1.
"""

from typing import ClassVar

from torchjd import aggregation
from torchjd.aggregation import Aggregator

from mtl_core.balancing.aggregation import AggregationBalancer


class NashMTLBalancer(AggregationBalancer):
    """The slowest method: a solution is kept for `every` steps and found by at most `iterations` convex problems."""

    method: ClassVar[str] = "nash_mtl"
    packages: ClassVar[tuple[str, ...]] = ("cvxpy", "ecos")
    normalize_gradients: ClassVar[bool] = True

    def __init__(self, tasks: tuple[str, ...], *, every: int, iterations: int) -> None:
        super().__init__(tasks)
        self._every, self._iterations = every, iterations

    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        return aggregation.NashMTL(
            len(positions), max_norm=0.0, update_weights_every=self._every, optim_niter=self._iterations
        )
