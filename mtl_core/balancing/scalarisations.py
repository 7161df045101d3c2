"""Scalarisations: the losses become one number, whose gradient moves everything. What it is made by is torchjd's."""

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from mtl_core.balancing.base import Balancer, Balancing, Losses, Shared
from mtl_core.errors import TrainingError

if TYPE_CHECKING:
    from torchjd.scalarization import Scalarizer

__all__ = ["GeometricMean", "Random", "Scalarised", "Stateless", "refuse_negative"]

LEAST_LOSS = 1e-8
"""A loss below it counts as this where its logarithm or its inverse is taken."""


class Scalarised(Balancer):
    """Reduces the losses of the tasks that take part to one number."""

    @abstractmethod
    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        """(present,) losses of the tasks at those positions -> ()."""

    def backward(self, losses: Losses, shared: Shared) -> None:
        torch.autograd.backward(self.total(list(losses), torch.stack(list(losses.values()))))


class Stateless(Scalarised):
    """One of torchjd's scalarisations, made anew for those who take part."""

    def __init__(self, scalarizer: "Callable[[list[int]], Scalarizer]") -> None:
        super().__init__()
        self._scalarizer = scalarizer

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        return self._scalarizer(positions)(losses)


class Random(Balancing):
    """Random weights at every step, the softmax of standard normal numbers (RLW, Lin 2022, algorithm 2): how far
    no method at all goes.
    """

    method: Literal["random"] = "random"

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        from torchjd import scalarization

        return Stateless(lambda positions: scalarization.Random())


class GeometricMean(Balancing):
    """The geometric mean of the losses, which no rescaling of a loss changes the direction of (GLS, Chennupati 2019).

    Departs from it where a loss is 0, and the mean has no gradient: it counts as 1e-8.
    """

    method: Literal["geometric_mean"] = "geometric_mean"

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        return GeometricMeanBalancer(tasks)


class GeometricMeanBalancer(Scalarised):
    """The geometric mean over those who take part."""

    def __init__(self, tasks: tuple[str, ...]) -> None:
        from torchjd import scalarization

        super().__init__()
        self._tasks, self._mean = tasks, scalarization.GeometricMean()

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        refuse_negative("geometric_mean", self._tasks, positions, losses)
        return self._mean(losses.clamp(min=LEAST_LOSS))


def refuse_negative(method: str, tasks: tuple[str, ...], positions: list[int], losses: Tensor) -> None:
    """TrainingError where one of the (present,) losses is below 0, which the method has no meaning for."""
    for position, loss in zip(positions, losses.tolist(), strict=True):
        if loss < 0:
            raise TrainingError(
                f"training.balancing.method: {method} needs losses of 0 or more, found {loss:g} of task "
                f"{tasks[position]!r}; use another method, or another loss for the task"
            )
