"""GLS: the geometric mean of the losses, whose direction does not depend on the scale of any loss.

Chennupati, Sistu, Yogamani and Rawashdeh 2019, "MultiNet++: Multi-Stream Feature Aggregation and Geometric Loss
Strategy for Multi-Task Learning", CVPR workshops.

Departs from the paper: losses are clamped to 1e-8, since the geometric mean has no gradient at 0.
"""

from torch import Tensor
from torchjd import scalarization

from mtl_core.balancing.scalarisation import MIN_LOSS, ScalarisationBalancer, refuse_negative


class GeometricMeanBalancer(ScalarisationBalancer):
    """The geometric mean over the tasks that take part."""

    def __init__(self, tasks: tuple[str, ...]) -> None:
        super().__init__()
        self._tasks, self._mean = tasks, scalarization.GeometricMean()

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        refuse_negative("geometric_mean", self._tasks, positions, losses)
        return self._mean(losses.clamp(min=MIN_LOSS))
