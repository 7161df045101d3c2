"""RLW: random weights at every step, a baseline for methods that choose weights.

Lin, Ye, Zhang and Tsang 2022, "Reasonable Effectiveness of Random Weighting: A Litmus Test for Multi-Task Learning",
TMLR, algorithm 2.
"""

from torch import Tensor
from torchjd import scalarization

from mtl_core.balancing.scalarisation import ScalarisationBalancer


class RandomBalancer(ScalarisationBalancer):
    """Weights are the softmax of standard normal numbers, for the tasks that take part."""

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        return scalarization.Random()(losses)
