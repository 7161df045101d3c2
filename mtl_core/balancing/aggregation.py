"""Base class of the methods that use an aggregator of torchjd.

Quinton and Rey 2024, "Jacobian Descent for Multi-Objective Optimization", arXiv 2406.16232.
"""

import warnings
from abc import abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from typing import ClassVar

import torch
from torch import Tensor
from torchjd.aggregation import Aggregator

from mtl_core.balancing.base import normalised_preference
from mtl_core.balancing.jacobian import GradientBalancer
from mtl_core.errors import ProblemError, TrainingError


class AggregationBalancer(GradientBalancer):
    """Balancing by an aggregator of the tasks' gradients, one aggregator per set of tasks that take part.

    Aggregators are created anew in every epoch, since no checkpoint contains the state that one keeps between steps.
    Only that of `nash_mtl` keeps state, the start of its solver.

    Departs from the papers: the aggregator gets the Jacobian divided by its norm, and the direction is multiplied by
    it, so that every method is homogeneous: twice the gradients give twice the direction. Solvers have absolute
    tolerances, which the gradients of a trained network fall below.
    """

    packages: ClassVar[tuple[str, ...]] = ()
    """Packages beyond torchjd that the method needs."""
    normalize_gradients: ClassVar[bool] = False
    """True if the aggregator gets rows of length 1, since the method does not depend on the gradients' lengths."""

    def __init__(self, tasks: tuple[str, ...], *, preference: Sequence[float] = ()) -> None:
        """`preference`: a positive number per task, for methods that have one.

        Raises:
            ProblemError: a package is not installed.
        """
        missing = [package for package in self.packages if find_spec(package) is None]
        if missing:
            raise ProblemError(
                f"training.balancing.method: {self.method} solves a problem at every step with packages that are not "
                f'installed: {", ".join(missing)}; install them: pip install "trunkline[solvers]"'
            )
        super().__init__(tasks)
        self._preference = torch.tensor(preference)
        self._aggregators: dict[tuple[int, ...], Aggregator] = {}

    @abstractmethod
    def make_aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        """An aggregator for a Jacobian whose rows are the gradients of the tasks at those positions."""

    def preference(self, positions: tuple[int, ...]) -> Tensor:
        """(present,) preferences of the tasks at those positions, scaled to sum to 1."""
        return normalised_preference(self._preference, positions)

    def before_epoch(self) -> None:
        self._aggregators.clear()

    def aggregator(self, positions: tuple[int, ...]) -> Aggregator:
        """The epoch's aggregator for the tasks at those positions."""
        if positions not in self._aggregators:
            self._aggregators[positions] = self.make_aggregator(positions)
        return self._aggregators[positions]

    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        norms = jacobian.norm(dim=1, keepdim=True)
        length = norms.square().mean().sqrt() if self.normalize_gradients else norms.norm()
        rows = jacobian / (norms if self.normalize_gradients else length)
        with warnings.catch_warnings():
            # Solvers warn of ill-conditioned matrices and of deprecated calls; the result is checked afterwards.
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
