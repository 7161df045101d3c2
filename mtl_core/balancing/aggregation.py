"""What torchjd's aggregators of gradients have in common here: which rows they see, and when they are made."""

import warnings
from abc import ABC, abstractmethod
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from mtl_core.balancing.base import Balancer, Balancing
from mtl_core.balancing.jacobian import GradientBalancer
from mtl_core.errors import ProblemError, TrainingError

if TYPE_CHECKING:
    from torchjd.aggregation import Aggregator

__all__ = ["Aggregation", "AggregationBalancer", "Preferred"]


class Aggregation(Balancing, ABC):
    """A method whose mathematics is an aggregator of torchjd's.

    Departs from the papers in one thing: the aggregator sees the Jacobian divided by its norm, and the direction is
    multiplied by it. Solvers have absolute thresholds, which the gradients of a trained network fall below. So twice
    the gradients are twice the direction under every method.
    """

    needs_sharing: ClassVar[bool] = True
    packages: ClassVar[tuple[str, ...]] = ()
    """What it imports beyond torch."""
    blind: ClassVar[bool] = False
    """Whether the lengths of the gradients do not matter, so that the aggregator sees rows of one length."""

    method: str

    @abstractmethod
    def aggregator(self, tasks: tuple[str, ...]) -> "Aggregator":
        """torchjd's, for a Jacobian whose rows are those tasks'."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        self.refuse_missing()
        return AggregationBalancer(self, tasks)

    def refuse_missing(self) -> None:
        """ProblemError where a package is not installed."""
        missing = [package for package in self.packages if find_spec(package) is None]
        if missing:
            raise ProblemError(
                f"training.balancing.method: {self.method} solves a problem at every step with packages that are not "
                f'installed: {", ".join(missing)}; install them: pip install "trunkline[solvers]"'
            )


class Preferred(Aggregation, ABC):
    """An aggregator that weighs the tasks' gradients by a preference."""

    by_task: ClassVar[str] = "preference"

    preference: dict[str, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    """1 for a task that is not named; those of the tasks that take part are scaled to sum to 1."""

    def shares(self, tasks: tuple[str, ...]) -> Tensor:
        """(tasks,) their preferences, which sum to 1."""
        preference = self.numbers(tasks, otherwise=1.0)
        return preference / preference.sum()


class AggregationBalancer(GradientBalancer):
    """Has an aggregator for every set of tasks that takes part together, and makes them anew in every epoch: what one
    of them remembers of a step (only `nash_mtl` does, where its solver starts) no checkpoint would see.
    """

    def __init__(self, options: Aggregation, tasks: tuple[str, ...]) -> None:
        super().__init__(options.method, tasks)
        self._options = options
        self._aggregators: dict[tuple[int, ...], Aggregator] = {}

    def before_epoch(self) -> None:
        self._aggregators.clear()

    def aggregator(self, positions: tuple[int, ...]) -> "Aggregator":
        """This epoch's for those tasks."""
        if positions not in self._aggregators:
            self._aggregators[positions] = self._options.aggregator(tuple(self.tasks[p] for p in positions))
        return self._aggregators[positions]

    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        norms = jacobian.norm(dim=1, keepdim=True)
        length = norms.square().mean().sqrt() if self._options.blind else norms.norm()
        rows = jacobian / (norms if self._options.blind else length)
        with warnings.catch_warnings():
            # Solvers warn of how they are called and of matrices that are hard; what matters is checked afterwards.
            warnings.simplefilter("ignore")
            try:
                direction: Tensor = length * self.aggregator(positions)(rows)
            except Exception as error:  # each solver has its own
                raise TrainingError(
                    f"training.balancing.method: {self.method} found no direction between the gradients of "
                    f"{', '.join(self.tasks[position] for position in positions)}: {error}; nothing was updated. "
                    "Use another method"
                ) from error
        return direction
