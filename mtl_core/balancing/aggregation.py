"""Base class of the methods whose mathematics is an aggregator of torchjd's.

Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization", arXiv 2406.16232.
"""

import warnings
from abc import abstractmethod
from importlib.util import find_spec
from typing import ClassVar

from torch import Tensor
from torchjd.aggregation import Aggregator

from mtl_core.balancing.jacobian import GradientBalancer
from mtl_core.errors import ProblemError, TrainingError


class AggregationBalancer(GradientBalancer):
    """Balancing by an aggregator of the tasks' gradients: one for every set of tasks that takes part together.

    Aggregators are made anew in every epoch: the state that one keeps from step to step (only `nash_mtl` does, as its
    solver's start) would be in no checkpoint.

    Departs from the papers in one thing: the aggregator gets the Jacobian divided by its norm, and the direction is
    multiplied by it. Solvers have absolute thresholds, which the gradients of a trained network fall below. So twice
    the gradients are twice the direction under every method.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    """Packages beyond torch that the method needs."""
    normalize_gradients: ClassVar[bool] = False
    """True where the lengths of the gradients do not matter, so that the aggregator gets rows of one length."""

    def __init__(self, tasks: tuple[str, ...]) -> None:
        """ProblemError where a package is not installed."""
        missing = [package for package in self.packages if find_spec(package) is None]
        if missing:
            raise ProblemError(
                f"training.balancing.method: {self.method} solves a problem at every step with packages that are not "
                f'installed: {", ".join(missing)}; install them: pip install "trunkline[solvers]"'
            )
        super().__init__(tasks)
        self._aggregators: dict[tuple[int, ...], Aggregator] = {}

    @abstractmethod
    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        """torchjd's, for a Jacobian whose rows are the gradients of the tasks at those positions."""

    def before_epoch(self) -> None:
        self._aggregators.clear()

    def aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        """This epoch's aggregator for those tasks."""
        if positions not in self._aggregators:
            self._aggregators[positions] = self.make_aggregator(positions)
        return self._aggregators[positions]

    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        norms = jacobian.norm(dim=1, keepdim=True)
        length = norms.square().mean().sqrt() if self.normalize_gradients else norms.norm()
        rows = jacobian / (norms if self.normalize_gradients else length)
        with warnings.catch_warnings():
            # Solvers warn of how they are called and of ill-conditioned matrices; the result is checked afterwards.
            warnings.simplefilter("ignore")
            try:
                direction: Tensor = length * self.aggregator(positions)(rows)
            except Exception as error:  # each solver raises its own
                raise TrainingError(
                    f"training.balancing.method: {self.method} found no direction between the gradients of "
                    f"{', '.join(self.tasks[position] for position in positions)}: {error}; nothing was updated. "
                    "Use another method"
                ) from error
        return direction
